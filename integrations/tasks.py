"""Our job handlers: importing a module registers those in it. plan_import, file_import, normalize, extract_contacts,
hold_meetings; google_*_sync, google_preview, google_calendar_plan, forget_account, reduce_kept, reconcile,
renew_watch; send_outbox; export,
purge, bring_in."""

from integrations import extracting, forgetting, importing, meetings, normalize, planning, reducing, sending
from integrations.archive import jobs as archives
from integrations.streams import (
    approving,
    calendar,
    calendar_list,
    calendar_plan,
    gmail,
    previewing,
    reconciling,
    ticking,
    watching,
)

__all__ = [
    "approving", "archives", "calendar", "calendar_list", "calendar_plan", "extracting", "forgetting", "gmail",
    "importing", "meetings", "normalize", "planning", "previewing", "reconciling", "reducing", "sending", "ticking",
    "watching",
]  # fmt: skip
