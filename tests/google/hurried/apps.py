from __future__ import annotations

import datetime as dt
from dataclasses import replace

from django.apps import AppConfig

SOON = dt.timedelta(seconds=1)


class HurriedConfig(AppConfig):
    name = "tests.google.hurried"

    def ready(self) -> None:
        """What takes a minute takes a second, and a small mailbox takes several pages."""
        from integrations import quota, tasks
        from integrations.google import gmail
        from integrations.streams import steps
        from jobs.periodic import schedule

        assert tasks  # they are registered by now
        gmail.PAGE = 40
        quota.IN_FLIGHT = 2.0
        for name in ("follow streams", "reconcile streams"):
            schedule[name] = replace(schedule[name], every=SOON)
        steps.follow("gmail", replace(steps.followers["gmail"], every=SOON))
