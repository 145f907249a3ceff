"""What the clock and changed organisations do on the demand side, and who may download its files."""

from accounts.events import OrganisationChanged
from core.attachments import register_reader
from core.outbox import subscribe
from core.schedule import every
from scenarios.models import Scenario
from scenarios.selectors import may_download
from scenarios.services import overdue_quarter_flag, scenarios_expire, scenarios_refresh


@subscribe(OrganisationChanged, name="scenarios.refresh")
def refresh_scenarios(event: OrganisationChanged) -> None:
    scenarios_refresh(owner_id=event.organisation_id)


every(seconds=3600, name="scenarios.flag_overdue_quarter")(overdue_quarter_flag)
every(seconds=900, name="scenarios.expire")(scenarios_expire)
register_reader(Scenario._meta.label_lower, may_download)
