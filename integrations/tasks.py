"""Our job handlers: plan_import, file_import, normalize; hold_meetings; google_*_sync, forget_account; send_outbox;
export, purge, bring_in."""

from integrations import forgetting, importing, meetings, normalize, planning, sending
from integrations.archive import jobs as archives
from integrations.streams import ticking

__all__ = ["archives", "forgetting", "importing", "meetings", "normalize", "planning", "sending", "ticking"]
