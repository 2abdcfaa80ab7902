"""Our job handlers: plan_import, file_import, normalize, extract_contacts; hold_meetings; google_*_sync,
google_preview, forget_account; send_outbox; export, purge, bring_in."""

from integrations import extracting, forgetting, importing, meetings, normalize, planning, sending
from integrations.archive import jobs as archives
from integrations.streams import approving, calendar, gmail, previewing, ticking

__all__ = [
    "approving", "archives", "calendar", "extracting", "forgetting", "gmail", "importing", "meetings", "normalize",
    "planning", "previewing", "sending", "ticking",
]  # fmt: skip
