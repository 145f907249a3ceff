"""What the clock does on the demand side, and who may download its files."""

from core.attachments import register_reader
from core.schedule import every
from scenarios.models import Scenario
from scenarios.selectors import may_download
from scenarios.services import overdue_quarter_flag, scenarios_expire

every(seconds=3600, name="scenarios.flag_overdue_quarter")(overdue_quarter_flag)
every(seconds=900, name="scenarios.expire")(scenarios_expire)
register_reader(Scenario._meta.label_lower, may_download)
