"""Our job handlers: plan_import, file_import, normalize."""

from integrations import importing, normalize, planning

__all__ = ["importing", "normalize", "planning"]
