"""`make bench`: one JSON line a measure on stdout, and docs/benchmarks.md from them."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.servers import running

USUAL = ("imports", "jobs", "pages", "isolation", "record", "startup")
"""What `make bench` measures. `make bench ARGS=gigabyte` takes long, and is asked for by name."""


def main(wanted: list[str]) -> None:
    """Measure these parts; each rewrites its own section of the page."""
    with running(), tempfile.TemporaryDirectory() as folder:
        from bench.report import write_section

        for name, measures in chosen(wanted or list(USUAL), Path(folder)):
            lines = []
            for line in measures():
                print(json.dumps({"part": name, **line}), flush=True)
                lines.append(line)
            write_section(name, lines)


def chosen(names: list[str], folder: Path) -> Iterator[tuple[str, Callable[[], Iterator[dict[str, Any]]]]]:
    from bench import gigabyte, imports, isolation, jobs, pages, record, startup

    parts: dict[str, Callable[[], Iterator[dict[str, Any]]]] = {
        "imports": lambda: imports.measures(folder),
        "jobs": jobs.measures,
        "pages": pages.measures,
        "isolation": isolation.measures,
        "record": lambda: record.measures(folder),
        "startup": lambda: startup.measures(folder),
        "gigabyte": lambda: gigabyte.measures(folder),
    }
    if unknown := set(names) - parts.keys():
        sys.exit(f"There is no part {', '.join(sorted(unknown))}. There are: {', '.join(parts)}.")
    return ((name, parts[name]) for name in names)


if __name__ == "__main__":
    main(sys.argv[1:])
