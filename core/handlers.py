"""What the clock does for every app."""

from core.audit import anchor_today
from core.importing import stale_checked_drop
from core.integrity import installation_watch
from core.scanning import pending_scan
from core.schedule import every
from core.workday_calendars import missing_tell

every(seconds=3600, name="core.drop_stale_uploads")(stale_checked_drop)
every(seconds=3600, name="core.anchor_audit_chain")(anchor_today)
every(seconds=24 * 3600, name="core.compare_with_digests")(installation_watch)
every(seconds=60, name="core.scan_attachments")(pending_scan)
every(seconds=24 * 3600, name="core.tell_missing_workdays")(missing_tell)
