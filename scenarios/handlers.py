"""What the clock does on the demand side."""

from core.schedule import every
from scenarios.services import overdue_quarter_flag, scenarios_expire

every(seconds=3600, name="scenarios.flag_overdue_quarter")(overdue_quarter_flag)
every(seconds=900, name="scenarios.expire")(scenarios_expire)
