"""The base of our management commands: words for people, one JSON object for scripts, honest exit codes."""

from __future__ import annotations

import json
import logging
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.db import OperationalError, ProgrammingError, connection
from psycopg.errors import UndefinedColumn, UndefinedTable

from omnicrm.acting import acting_as
from omnicrm.events import note
from omnicrm.keys import WrongKeys, refuse_wrong_keys
from omnicrm.models import User
from omnicrm.owned import OwnedModel

REFUSED, BAD_ARGUMENTS = 1, 2
Result = dict[str, Any]


class JsonCommand(BaseCommand):
    """A command whose `run` returns what it found or did, as a dict.

    With `--json` that is one JSON object on stdout, and nothing else is; without, it is `words`. Exit code 0 says
    done, 1 refused or failed, 2 that the arguments were wrong; `{"error": …}` is the object of a refusal.
    """

    uses_database = True
    needs_its_keys = True
    """Whether it refuses to run with other keys than those of the database."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json", help="One JSON object on stdout.")

    def run(self, *args: Any, **options: Any) -> Result:
        raise NotImplementedError

    def words(self, result: Result) -> str:
        """The result for people; by default a line a key."""
        return "\n".join(f"{key.replace('_', ' ')}: {value}" for key, value in result.items())

    def say(self, words: str) -> None:
        """One line on a terminal, in place of the one before; nothing in a log."""
        if sys.stderr.isatty():
            self.stderr.write(f"\r\033[K{words}", ending="")

    def succeeded(self, result: Result) -> bool:
        """False prints the result all the same and ends with exit code 1."""
        return True

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        complain = parser.error

        def error(message: str) -> None:
            if "--json" in sys.argv:
                self.stdout.write(json.dumps({"error": f"{message}. See manage.py help {subcommand}"}))
            complain(message)

        parser.error = error  # type: ignore[method-assign]
        return parser

    def execute(self, *args: Any, as_json: bool = False, **options: Any) -> str | None:
        try:
            return super().execute(*args, as_json=as_json, **options)
        except CommandError as error:
            if as_json:
                self.stdout.write(json.dumps({"error": str(error)}))
            raise

    def handle(self, *args: Any, as_json: bool = False, **options: Any) -> None:
        try:
            with quietly():
                if self.uses_database:
                    fill_empty_database()
                    if self.needs_its_keys:
                        refuse_wrong_keys()
                result = self.run(**options)
        except WrongKeys as wrong:
            raise CommandError(str(wrong)) from wrong
        except (OperationalError, ProgrammingError) as error:
            if not (sentence := explained(error)):
                raise
            raise CommandError(sentence) from error
        self.stdout.write(json.dumps(result, cls=DjangoJSONEncoder) if as_json else self.words(result))
        if not self.succeeded(result):
            sys.exit(REFUSED)


@contextmanager
def quietly() -> Iterator[None]:
    """Somebody waits for an answer here, and not for a line from each job; unless they asked for LOG_LEVEL."""
    root = logging.getLogger()
    before = root.level
    if "LOG_LEVEL" not in os.environ:
        root.setLevel(max(before, logging.WARNING))
    try:
        yield
    finally:
        root.setLevel(before)


def fill_empty_database() -> None:
    """The first command of an embedded installation makes the tables, so that no order has to be known."""
    if settings.EMBEDDED_DATABASE:
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('django_migrations') IS NULL")
            (is_empty,) = cursor.fetchone()
        if is_empty:
            call_command("migrate", verbosity=0)


def explained(error: Exception) -> str:
    """What to do about a database that is not there or not migrated; empty where the fault is ours."""
    if isinstance(error.__cause__, UndefinedTable | UndefinedColumn):
        return "The database is older than this version of OmniCRM. Run: manage.py migrate"
    if isinstance(error, OperationalError) and connection.connection is None:
        reason = str(error).strip().splitlines()[0]
        return f"Postgres does not let us in ({reason}). Run: manage.py doctor"
    return ""


def refuse(sentence: str, code: int = REFUSED) -> NoReturn:
    """End the command with a sentence that says what to do next. `code` is REFUSED or BAD_ARGUMENTS."""
    raise CommandError(sentence, returncode=code)


@contextmanager
def reading(owner: User, what: str) -> Iterator[None]:
    """In this user's name, and with an entry for them: whoever runs a command reads what they wrote."""
    with acting_as(owner.pk):
        note(owner.pk, "operator.read", what=what)
        yield


def asks_google(row: OwnedModel, what: str) -> None:
    """An entry for the owner of this row: whoever runs a command uses their permission at Google. In the transaction
    that asks; what the schedule asks by itself is none."""
    note(row.user_id, "operator.asked", on=row, what=what)


def user_by_email(email: str) -> User:
    """The user who signs in with this address, or a refusal."""
    try:
        return User.objects.get_by_natural_key(email)
    except User.DoesNotExist:
        refuse(f"There is no user {email}. Make one with: manage.py create_user {email}", BAD_ARGUMENTS)


def asked(question: str) -> str:
    """What somebody types; nothing where nobody can be asked."""
    try:
        return input(question).strip().lower()
    except EOFError:
        return ""
