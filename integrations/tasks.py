"""Our job handlers: plan_import, file_import, normalize; google_gmail_sync, google_calendar_sync; export, purge,
bring_in."""

from integrations import importing, normalize, planning
from integrations.archive import jobs as archives
from integrations.streams import ticking

__all__ = ["archives", "importing", "normalize", "planning", "ticking"]
