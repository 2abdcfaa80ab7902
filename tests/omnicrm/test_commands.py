"""What every management command of ours promises: one JSON object, logs elsewhere, exit codes."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from omnicrm.commands import JsonCommand, Result, refuse, user_by_email
from omnicrm.models import User


class Weigh(JsonCommand):
    requires_system_checks = ()

    def add_arguments(self, parser: Any) -> None:
        super().add_arguments(parser)
        parser.add_argument("grams", type=int)

    def run(self, *, grams: int, **options: Any) -> Result:
        if grams < 0:
            refuse("Nothing weighs less than nothing. Give a number from 0.")
        return {"grams": grams, "too_heavy": grams > 100}

    def succeeded(self, result: Result) -> bool:
        return not result["too_heavy"]


def weigh(*arguments: str) -> str:
    out = StringIO()
    call_command(Weigh(stdout=out), *arguments)
    return out.getvalue()


def test_people_get_lines_and_scripts_get_one_object() -> None:
    assert weigh("7") == "grams: 7\ntoo heavy: False\n"
    assert json.loads(weigh("7", "--json")) == {"grams": 7, "too_heavy": False}


def test_a_failed_result_is_printed_and_ends_with_1() -> None:
    out = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command(Weigh(stdout=out), "700", "--json")
    assert (json.loads(out.getvalue()), end.value.code) == ({"grams": 700, "too_heavy": True}, 1)


def test_a_refusal_says_what_to_do() -> None:
    out = StringIO()
    with pytest.raises(CommandError, match="Give a number") as refusal:
        call_command(Weigh(stdout=out), "--json", "--", "-1")
    assert refusal.value.returncode == 1
    assert json.loads(out.getvalue()) == {"error": "Nothing weighs less than nothing. Give a number from 0."}


def test_users_are_named_by_their_address(alice: User) -> None:
    assert user_by_email(" Alice@Example.org") == alice
    with pytest.raises(CommandError, match="create_user bob") as refusal:
        user_by_email("bob@example.org")
    assert refusal.value.returncode == 2
