"""What the clock does on the supply side, and who may download its files."""

from core.attachments import register_reader
from core.schedule import every
from vendors.models import VendorProfile
from vendors.selectors import may_download
from vendors.services import capabilities_expire, expiry_reminders_announce

every(seconds=900, name="vendors.expire")(capabilities_expire)
every(seconds=24 * 3600, name="vendors.remind_of_expiry")(expiry_reminders_announce)
register_reader(VendorProfile._meta.label_lower, may_download)
