"""What the clock does on the supply side."""

from core.schedule import every
from vendors.services import capabilities_expire, expiry_reminders_announce

every(seconds=900, name="vendors.expire")(capabilities_expire)
every(seconds=24 * 3600, name="vendors.remind_of_expiry")(expiry_reminders_announce)
