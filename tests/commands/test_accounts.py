"""`create_user`, and `flush`."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command

from omnicrm.models import User
from tests.commands.contract import run


def typed(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    monkeypatch.setattr("sys.stdin", StringIO(words))


@pytest.mark.django_db
def test_create_user_with_a_password_from_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, "a quiet harbour\nmore\n")
    told = run("create_user", "Ada@Example.org", "--password-stdin", "--staff")
    user = User.objects.get(email="ada@example.org")
    assert told == {"exit": 0, "id": str(user.pk), "email": "ada@example.org", "staff": True}
    assert (user.check_password("a quiet harbour"), user.is_superuser) == (True, True)


@pytest.mark.django_db
def test_create_user_makes_up_a_password_where_nobody_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, "")
    told = run("create_user", "ada@example.org")
    assert User.objects.get(email="ada@example.org").check_password(told["password"])
    assert (told["staff"], len(told["password"])) == (False, 16)


@pytest.mark.django_db
def test_create_user_refuses_a_second_account(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, "")
    sentence = "alice@example.org has an account already. Sign in, or choose another address."
    assert run("create_user", "alice@example.org") == {"exit": 1, "error": sentence}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("email", "password", "sentence"),
    [
        ("ada", "a quiet harbour", "Enter a valid email address."),
        ("ada@example.org", "short", "This password is too short. It must contain at least 10 characters."),
    ],
)
def test_create_user_with_bad_arguments(
    email: str, password: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed(monkeypatch, password)
    assert run("create_user", email, "--password-stdin") == {"exit": 2, "error": sentence}
    assert not User.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_flush_empties_the_tables_as_their_owner() -> None:
    User.objects.create_user("ada@example.org")
    call_command("flush", interactive=False, verbosity=0)
    assert not User.objects.exists()
