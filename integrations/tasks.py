"""Our job handlers: plan_import, file_import, normalize; export, purge, bring_in."""

from integrations import importing, normalize, planning
from integrations.archive import jobs as archives

__all__ = ["archives", "importing", "normalize", "planning"]
