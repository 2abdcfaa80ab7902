"""Once a day the users' event chains are checked, and their heads are signed (omnicrm.audit)."""

from __future__ import annotations

from datetime import timedelta

from jobs.periodic import every
from omnicrm import audit

every(timedelta(days=1), "anchor events")(audit.anchor_all)
every(timedelta(days=1), "check events")(audit.check_all)
