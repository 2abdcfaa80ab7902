"""Every kind of job that the code asks for has somebody who does it, and leases are long enough."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from jobs.queue import handlers


@register()
def kinds_have_handlers(**_: Any) -> list[CheckMessage]:
    return [
        Error(
            f"{place} enqueues {kind!r}, and nothing handles it.",
            hint=f'Decorate a function in a tasks.py with @handles("{kind}").',
            id="jobs.E001",
        )
        for place, kind in enqueued(_our_files())
        if kind not in handlers
    ]


@register()
def leases_outlast_beats(**_: Any) -> list[CheckMessage]:
    lease, beat = settings.JOB_LEASE_SECONDS, settings.JOB_HEARTBEAT_SECONDS
    if beat * 2 <= lease:
        return []
    words = f"A worker speaks every {beat} s, and after {lease} s of silence its job is given to another."
    hint = "Set JOB_HEARTBEAT_SECONDS to a third of JOB_LEASE_SECONDS, or one late beat does a job twice."
    return [Error(words, hint=hint, id="jobs.E002")]


def enqueued(files: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """Each `enqueue("kind", …)` in these files: (file:line, kind)."""
    for file in files:
        text = file.read_text()
        if "enqueue(" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and _name(node.func) == "enqueue" and node.args:
                kind = node.args[0]
                if isinstance(kind, ast.Constant) and isinstance(kind.value, str):
                    yield f"{file.name}:{node.lineno}", kind.value


def _name(function: ast.expr) -> str:
    return getattr(function, "id", getattr(function, "attr", ""))


def _our_files() -> list[Path]:
    folders = [Path(config.path) for config in apps.get_app_configs()]
    ours = [f for f in folders if f.is_relative_to(settings.BASE_DIR) and ".venv" not in f.parts]
    return [
        file for folder in ours for file in sorted(folder.rglob("*.py")) if "migrations" not in file.parts
    ]
