"""Make an account."""

from __future__ import annotations

import getpass
import secrets
import sys
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from omnicrm.commands import BAD_ARGUMENTS, JsonCommand, Result, refuse
from omnicrm.models import User


class Command(JsonCommand):
    help = (
        "Make an account. The password is asked for; with --password-stdin it is read from there; and where "
        "nobody can be asked it is made up and printed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("email")
        parser.add_argument("--password-stdin", action="store_true", help="Read the password from stdin.")
        parser.add_argument("--staff", action="store_true", help="May open the admin.")

    def run(self, *, email: str, password_stdin: bool, staff: bool, **options: Any) -> Result:
        user = User(email=User.objects.normalize_email(email), is_staff=staff, is_superuser=staff)
        password, made_up = read_password(from_stdin=password_stdin)
        try:
            validate_email(user.email)
            validate_password(password, user)
        except ValidationError as error:
            refuse(" ".join(error.messages), BAD_ARGUMENTS)
        user.set_password(password)
        try:
            with transaction.atomic():
                user.save()
        except IntegrityError:
            refuse(f"{user.email} has an account already. Sign in, or choose another address.")
        result: Result = {"id": str(user.pk), "email": user.email, "staff": staff}
        return result | ({"password": password} if made_up else {})


def read_password(*, from_stdin: bool) -> tuple[str, bool]:
    """The password, and whether it was made up here because nobody could be asked."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n"), False
    if sys.stdin.isatty():
        return getpass.getpass("Password: "), False
    return secrets.token_urlsafe(12), True
