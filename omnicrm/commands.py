"""The base of our management commands: words for people, one JSON object for scripts, honest exit codes."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder

from omnicrm.models import User

REFUSED, BAD_ARGUMENTS = 1, 2
Result = dict[str, Any]


class JsonCommand(BaseCommand):
    """A command whose `run` returns what it found or did, as a dict.

    With `--json` that is one JSON object on stdout, and nothing else is; without, it is `words`. Exit code 0 says
    done, 1 refused or failed, 2 that the arguments were wrong; `{"error": …}` is the object of a refusal.
    """

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json", help="One JSON object on stdout.")

    def run(self, *args: Any, **options: Any) -> Result:
        raise NotImplementedError

    def words(self, result: Result) -> str:
        """The result for people; by default a line a key."""
        return "\n".join(f"{key.replace('_', ' ')}: {value}" for key, value in result.items())

    def succeeded(self, result: Result) -> bool:
        """False prints the result all the same and ends with exit code 1."""
        return True

    def handle(self, *args: Any, as_json: bool = False, **options: Any) -> None:
        try:
            result = self.run(**options)
        except CommandError as error:
            if as_json:
                self.stdout.write(json.dumps({"error": str(error)}))
            raise
        written = json.dumps(result, cls=DjangoJSONEncoder) if as_json else self.words(result)
        self.stdout.write(written)
        if not self.succeeded(result):
            sys.exit(REFUSED)


def refuse(sentence: str, code: int = REFUSED) -> NoReturn:
    """End the command with a sentence that says what to do next. `code` is REFUSED or BAD_ARGUMENTS."""
    raise CommandError(sentence, returncode=code)


def user_by_email(email: str) -> User:
    """The user who signs in with this address, or a refusal."""
    try:
        return User.objects.get_by_natural_key(email)
    except User.DoesNotExist:
        refuse(f"There is no user {email}. Make one with: manage.py create_user {email}", BAD_ARGUMENTS)
