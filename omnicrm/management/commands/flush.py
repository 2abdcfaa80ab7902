from typing import Any

from django.core.management.commands.flush import Command as Flush

from omnicrm.acting import as_owner


class Command(Flush):
    """Django's flush, as the owner of the tables: the role that serves requests may not truncate them."""

    def handle(self, **options: Any) -> None:
        with as_owner():
            super().handle(**options)
