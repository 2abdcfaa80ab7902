import time
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands.migrate import Command as Migrate
from django.db import connection

from omnicrm.acting import as_owner
from omnicrm.blind import kept_otherwise
from omnicrm.keys import WrongKeys, first_words, refuse_wrong_keys
from omnicrm.models import IndexKey, KeyCheck

PAUSE = 0.2  # seconds


class Command(Migrate):
    """Django's migrate, as the owner of the tables: the role that serves requests may not change them."""

    def handle(self, *args: Any, **options: Any) -> None:
        with as_owner():
            wait_for_our_turn()
            is_new = not is_made()
            super().handle(*args, **options)
        if not is_made():
            return
        try:
            refuse_wrong_keys()
        except WrongKeys as wrong:
            raise CommandError(str(wrong)) from wrong
        for sentence in (first_words() if is_new else "", kept_otherwise()):
            if sentence:
                self.stderr.write(sentence)


def is_made() -> bool:
    """Whether the database knows its keys."""
    known = {KeyCheck._meta.db_table, IndexKey._meta.db_table}
    return known.issubset(connection.introspection.table_names())


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
