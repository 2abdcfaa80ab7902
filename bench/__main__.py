"""`make bench`: one JSON line a measure on stdout, and docs/benchmarks.md from them."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.servers import running


def main(wanted: list[str]) -> None:
    """All parts (imports, jobs, pages), or the named ones; the page is written only from all of them."""
    with running():
        from bench.report import postgres_version, write_report

        lines = []
        for line in all_measures(wanted):
            print(json.dumps(line), flush=True)
            lines.append(line)
        if not wanted:
            write_report(lines, postgres_version())


def all_measures(wanted: list[str]) -> Iterator[dict[str, Any]]:
    from bench import imports, jobs, pages

    with tempfile.TemporaryDirectory() as folder:
        parts = {
            "imports": lambda: imports.measures(Path(folder)),
            "jobs": jobs.measures,
            "pages": pages.measures,
        }
        for name, measures in parts.items():
            if not wanted or name in wanted:
                yield from measures()


if __name__ == "__main__":
    main(sys.argv[1:])
