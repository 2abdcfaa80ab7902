"""What the environment can say: flags, words, numbers, places and prices."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from omnicrm import env


@pytest.mark.parametrize(
    ("value", "found"),
    [("1", True), ("TRUE", True), (" yes ", True), ("on", True), ("0", False), ("off", False), ("", False)],
)
def test_a_flag(monkeypatch: pytest.MonkeyPatch, value: str, found: bool) -> None:
    monkeypatch.setenv("X", value)
    assert env.flag("X", default=not found) is found


def test_what_is_not_set_is_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("X", "X_FILE"):
        monkeypatch.delenv(name, raising=False)
    assert (env.flag("X"), env.flag("X", default=True)) == (False, True)
    assert (env.text("X"), env.text("X", "a")) == ("", "a")
    assert env.number("X", 7) == 7
    assert (env.listing("X"), env.listing("X", "a,b")) == ([], ["a", "b"])
    assert (env.secret("X"), env.secret("X", "a")) == ("", "a")
    assert env.choice("X", "a", "b") == "a"


@pytest.mark.parametrize(("value", "found"), [("0", 0), (" 12 ", 12), ("", 7), ("  ", 7)])
def test_a_number(monkeypatch: pytest.MonkeyPatch, value: str, found: int) -> None:
    monkeypatch.setenv("X", value)
    assert env.number("X", 7) == found


def test_one_of_these(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", " b ")
    assert env.choice("X", "a", "b") == "b"
    assert env.address("X", "q://there", "p", "q") == "q://there"


@pytest.mark.parametrize(
    ("value", "found"),
    [("", "default"), ("https://a.example/", "https://a.example/"), (" http://b ", "http://b")],
)
def test_a_place_on_the_web(monkeypatch: pytest.MonkeyPatch, value: str, found: str) -> None:
    monkeypatch.setenv("X", value)
    assert env.place("X", "default") == found


def test_some_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = {"a.get": 20, "a.list": 5}
    assert env.prices("X", usual) == usual
    monkeypatch.setenv("X", "a.get=4, a.list=0")
    assert env.prices("X", usual) == {"a.get": 4, "a.list": 0}
    assert usual == {"a.get": 20, "a.list": 5}


def test_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", " a , b ,, ")
    assert env.listing("X", "c") == ["a", "b"]
    assert env.text("X") == "a , b ,,"


def test_senders(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.senders("X") == frozenset()
    monkeypatch.setenv("X", "Ada@Example.com, example.org,noreply@*")
    assert env.senders("X") == {"ada@example.com", "example.org", "noreply@*"}


def test_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("hidden\n")
    monkeypatch.setenv("X", "plain")
    assert env.secret("X") == "plain"
    monkeypatch.setenv("X_FILE", str(file))
    assert env.secret("X") == "hidden"


@pytest.mark.parametrize(
    ("reader", "name", "value", "sentence"),
    [
        (env.flag, "X", "maybe", "X='maybe' is neither yes nor no. Write X=1 or X=0."),
        (lambda name: env.number(name, 7), "X", "-1", "X='-1' must be a whole number, 0 or more."),
        (lambda name: env.number(name, 7, least=1), "X", "0", "X='0' must be a whole number, 1 or more."),
        (lambda name: env.number(name, 7), "X", "1.5", "X='1.5' must be a whole number, 0 or more."),
        (
            lambda name: env.number(name, 7, least=1, most=100),
            "X",
            "101",
            "X='101' must be a whole number, 1 to 100.",
        ),
        (env.place, "X", "ftp://a", "X must begin with https:// or http://."),
        *(
            (
                lambda name: env.prices(name, {"a.get": 20, "b": 1}),
                "X",
                value,
                f"X has {value!r}. Write name=units, separated by commas; the names are a.get, b.",
            )
            for value in ("c=1", "a.get", "a.get=-1", "a.get=1.5", "b=")
        ),
        (lambda name: env.choice(name, "a", "b"), "X", "c", "X='c' must be one of a, b."),
        (
            lambda name: env.address(name, env.text(name), "p", "q"),
            "X",
            "secret",
            "X must begin with p:// or q://.",
        ),
        *(
            (
                env.senders,
                "X",
                word,
                f"X: '{word}' is no sender. Write a@example.com, example.com or noreply@*.",
            )
            for word in ("example", "@example.com", "ada@", "*", "a@b", "a b.example")
        ),
        (env.secret, "X_FILE", "/nowhere", "X_FILE='/nowhere' cannot be read: No such file or directory."),
    ],
)
def test_what_is_wrong_is_refused(
    monkeypatch: pytest.MonkeyPatch, reader: Any, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=f"^{re.escape(sentence)}$"):
        reader("X")
