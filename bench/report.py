"""docs/benchmarks.md: a section for each part, with the machine and the day it was measured on."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from django.db import connection

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
PACKAGES = ("django", "psycopg", "celery", "gunicorn")
ABOUT = """# Benchmarks

Written by `make bench`, and `make bench ARGS=gigabyte`. Machines differ and are shared, so read the ratios first: both
sides of a ratio are measured in one run, in turns where that can be.
"""


def write_section(name: str, lines: Sequence[dict[str, Any]]) -> None:
    """Put these measures in the place of the earlier ones of this part."""
    rows = "\n".join(row(line) for line in lines)
    said = f"{machine()}\n\n| measure | value | against | ratio | limit |\n|---|---|---|---|---|\n{rows}\n"
    sections = read_sections() | {name: said}
    PAGE.write_text(ABOUT + "".join(f"\n## {title}\n{text}" for title, text in sorted(sections.items())))


def read_sections() -> dict[str, str]:
    text = PAGE.read_text() if PAGE.exists() else ""
    titles_and_texts = re.split(r"(?m)^## (\w+)\n", text)[1:]
    return {
        title: f"{said.rstrip()}\n"
        for title, said in zip(titles_and_texts[::2], titles_and_texts[1::2], strict=True)
    }


def row(line: dict[str, Any]) -> str:
    value = f"{line['value']:,} {line['unit']}"
    cells = [line["measure"], value, *(str(line.get(name, "")) for name in ("against", "ratio", "limit"))]
    return f"| {' | '.join(cells)} |"


def machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{dt.datetime.now(dt.UTC).date().isoformat()}, {os.cpu_count()} cores ({os.getloadavg()[0]:.1f} processes wanted one on average), "
        f"{platform.machine()}, Python {platform.python_version()}, Postgres {postgres_version()}, {packages}."
    )


def postgres_version() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return str(cursor.fetchone()[0])
