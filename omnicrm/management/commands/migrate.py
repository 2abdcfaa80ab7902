import time
from typing import Any

from django.core.management.commands.migrate import Command as Migrate
from django.db import connection

from omnicrm.acting import as_owner

PAUSE = 0.2  # seconds


class Command(Migrate):
    """Django's migrate, as the owner of the tables: the role that serves requests may not change them."""

    def handle(self, *args: Any, **options: Any) -> None:
        with as_owner():
            wait_for_our_turn()
            super().handle(*args, **options)


def wait_for_our_turn() -> None:
    """Whoever comes second finds nothing left to do. The turn ends with the connection.

    We ask again and again instead of waiting in Postgres, where an index that is built concurrently would wait for us.
    """
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT pg_try_advisory_lock(hashtext('omnicrm.migrate'))")
            if cursor.fetchone()[0]:
                return
            time.sleep(PAUSE)
