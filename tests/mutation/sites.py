"""Every call that scopes: where it stands, and how to make one call of `acting_as` name nobody.

A call is known by its file and where it ends, which is also what Python says of the instruction that is running.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver, resolve

from omnicrm import acting, middleware

ROOT = Path(__file__).resolve().parent.parent.parent
APPS = ("omnicrm", "contacts", "integrations", "jobs", "ai")


@dataclass(frozen=True, order=True)
class Site:
    """One call in the sources, or (a name alone) a view that opens its own transactions."""

    file: str
    line: int = 0
    column: int = 0
    """Where the call ends."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else f"own_units of {self.file}"


reached: set[Site] = set()
"""The sites that have been called since somebody emptied this."""
off: set[Site] = set()
"""Those that do not scope now."""


def calls(name: str) -> dict[Site, ast.Call]:
    """All calls of something of this name in our apps."""
    found = {}
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and called(node) == name and "migrations" not in path.parts:
                    place = (node.end_lineno or 0, node.end_col_offset or 0)
                    found[Site(str(path.relative_to(ROOT)), *place)] = node
    return found


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def is_off() -> bool:
    """Whether the call that led here, two frames up, is switched off."""
    frame = sys._getframe(2)
    site = site_of(frame.f_code, frame.f_lasti)
    if site is not None:
        reached.add(site)
    return site in off


@cache
def site_of(code: CodeType, instruction: int) -> Site | None:
    path = Path(code.co_filename)
    if not path.is_relative_to(ROOT) or path.relative_to(ROOT).parts[0] not in APPS:
        return None
    _, line, _, column = list(code.co_positions())[instruction // 2]
    return Site(str(path.relative_to(ROOT)), line or 0, column or 0)


def watch_acting_as() -> None:
    """Switched off, it opens its transaction and names nobody."""
    original = acting.acting_as

    def acting_as(user_id: Any, *, durable: bool = True) -> Any:
        return transaction.atomic() if is_off() else original(user_id, durable=durable)

    for file in {site.file for site in calls("acting_as")} | {"omnicrm/acting.py"}:
        module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
        if hasattr(module, "acting_as"):
            module.acting_as = acting_as


def watch_own_units() -> None:
    """Switched off, a view runs in the one transaction of its request, as others do."""
    original = middleware.has_own_units

    def has_own_units(path: str) -> bool:
        if not original(path):
            return False
        site = Site(resolve(path).func.__name__)
        reached.add(site)
        return site not in off

    middleware.has_own_units = has_own_units


def own_units() -> set[Site]:
    """The views that open their own transactions."""
    return {Site(view.__name__) for view in views(get_resolver()) if getattr(view, "own_units", False)}


def views(resolver: URLResolver) -> Iterator[Callable[..., Any]]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern):
            yield pattern.callback
        else:
            yield from views(pattern)
