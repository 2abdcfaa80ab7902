from typing import Any

from django.core.management.commands.migrate import Command as Migrate

from omnicrm.acting import as_owner


class Command(Migrate):
    """Django's migrate, as the owner of the tables: the role that serves requests may not change them."""

    def handle(self, *args: Any, **options: Any) -> None:
        with as_owner():
            super().handle(*args, **options)
