"""docs/benchmarks.md, written from the measures of one run."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from django.db import connection

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
PACKAGES = ("django", "psycopg", "celery", "gunicorn")


def write_report(lines: Sequence[dict[str, Any]], postgres: str) -> None:
    """Replace the page."""
    rows = [
        f"| {line['measure']} | {line['value']} {line['unit']} | {line.get('ratio', '')} | {line.get('limit', line.get('least', ''))} |"
        for line in lines
    ]
    PAGE.write_text(
        "# Benchmarks\n\n"
        "Written by `make bench`. Machines differ and are shared, so read the ratios first: both sides of a ratio are "
        "measured in one run.\n\n"
        f"{machine(postgres)}\n\n| measure | value | ratio | limit |\n|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
    )


def machine(postgres: str) -> str:
    cores = os.cpu_count()
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"{cores} cores, {platform.machine()}, Python {platform.python_version()}, Postgres {postgres}, {packages}."


def postgres_version() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return str(cursor.fetchone()[0])
