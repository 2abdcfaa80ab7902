"""Once a day the heads of the users' event chains are signed (omnicrm.audit)."""

from __future__ import annotations

from datetime import timedelta

from jobs.periodic import every
from omnicrm import audit

every(timedelta(days=1), "anchor events")(audit.anchor_all)
