"""What the clock and changed organisations do on the supply side, and who may download its files."""

from accounts.events import OrganisationChanged
from core.attachments import register_reader
from core.outbox import subscribe
from core.schedule import every
from vendors.confirmations import confirmations_lapse
from vendors.models import VendorProfile
from vendors.selectors import may_download
from vendors.services import capabilities_expire, capabilities_refresh, expiry_reminders_announce


@subscribe(OrganisationChanged, name="vendors.refresh_capabilities")
def refresh_capabilities(event: OrganisationChanged) -> None:
    capabilities_refresh(organisation_id=event.organisation_id)


every(seconds=3600, name="vendors.lapse_confirmations")(confirmations_lapse)
every(seconds=900, name="vendors.expire")(capabilities_expire)
every(seconds=24 * 3600, name="vendors.remind_of_expiry")(expiry_reminders_announce)
register_reader(VendorProfile._meta.label_lower, may_download)
