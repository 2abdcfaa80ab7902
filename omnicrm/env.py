"""Typed readers for settings that come from the environment: a value is right, or the start is refused."""

from __future__ import annotations

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


def text(name: str, default: str = "") -> str:
    """The variable, trimmed, or the default."""
    return os.environ.get(name, default).strip()


def flag(name: str, default: bool = False) -> bool:
    """True or false; anything but 1/0, true/false, yes/no, on/off is refused."""
    value = os.environ.get(name)
    if value is None:
        return default
    word = value.strip().lower()
    if word not in TRUE | FALSE:
        raise ImproperlyConfigured(f"{name}={value!r} is neither yes nor no. Write {name}=1 or {name}=0.")
    return word in TRUE


def number(name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
    """A whole number of at least `least`, and at most `most` if there is such a limit."""
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    if not value.isdecimal() or int(value) < least or (most is not None and int(value) > most):
        bounds = f"{least} or more" if most is None else f"{least} to {most}"
        raise ImproperlyConfigured(f"{name}={value!r} must be a whole number, {bounds}.")
    return int(value)


def choice(name: str, default: str, *others: str) -> str:
    """One of these words."""
    value = os.environ.get(name, "").strip() or default
    if value not in (default, *others):
        raise ImproperlyConfigured(f"{name}={value!r} must be one of {', '.join((default, *others))}.")
    return value


def address(name: str, value: str, *schemes: str) -> str:
    """The value, if it begins as such an address does. It is not repeated in the refusal: it may hold a password."""
    if not value.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        raise ImproperlyConfigured(
            f"{name} must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}."
        )
    return value


def place(name: str, default: str = "") -> str:
    """An address on the web, or the default."""
    value = text(name)
    return address(name, value, "https", "http") if value else default


def prices(name: str, usual: dict[str, int]) -> dict[str, int]:
    """The usual prices, some of them replaced: `messages.get=5,threads.get=10`."""
    found = dict(usual)
    for word in listing(name):
        what, _, price = word.partition("=")
        if what not in usual or not price.isdecimal():
            raise ImproperlyConfigured(
                f"{name} has {word!r}. Write name=units, separated by commas; the names are {', '.join(usual)}."
            )
        found[what] = int(price)
    return found


def listing(name: str, default: str = "") -> list[str]:
    """Words separated by commas."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def senders(name: str) -> frozenset[str]:
    """Addresses (a@example.com), domains (example.com) and local parts anywhere (noreply@*), separated by commas."""
    words = frozenset(word.lower() for word in listing(name))
    for word in sorted(words):
        local, at, domain = word.rpartition("@")
        if bool(local) != bool(at) or not ((at and domain == "*") or "." in domain) or " " in word:
            raise ImproperlyConfigured(
                f"{name}: {word!r} is no sender. Write a@example.com, example.com or noreply@*."
            )
    return words


def secret(name: str, default: str = "") -> str:
    """The variable, or the contents of the file that NAME_FILE points at (Docker and systemd secrets)."""
    path = os.environ.get(f"{name}_FILE")
    if path is None:
        return os.environ.get(name, default).strip()
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE={path!r} cannot be read: {error.strerror}.") from error
