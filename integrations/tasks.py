"""Our job handlers: plan_import, file_import, normalize; hold_meetings; google_*_sync; export, purge, bring_in."""

from integrations import importing, meetings, normalize, planning
from integrations.archive import jobs as archives
from integrations.streams import ticking

__all__ = ["archives", "importing", "meetings", "normalize", "planning", "ticking"]
