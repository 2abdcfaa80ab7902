"""The sources with one call of `for_user` taken out: as if it had been forgotten, or gone round with `unscoped`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.mutation.sites import ROOT, Site, calls


def rewritten() -> Iterator[tuple[Site, str, ast.Module]]:
    """For each call what was done to it, and the file as it is then."""
    for site, call in calls("for_user").items():
        assert isinstance(call.func, ast.Attribute)
        source = (ROOT / site.file).read_text()
        rows = call.func.value
        yield site, "forgotten", ast.parse(without(source, rows, call, ""))
        if isinstance(rows, ast.Attribute) and rows.attr == "objects":
            yield site, "gone round", ast.parse(without(source, rows.value, call, ".unscoped"))


def without(source: str, kept: ast.expr, call: ast.Call, instead: str) -> str:
    """What stands between the end of `kept` and the end of the call gives way."""
    text = source.encode()
    start, end = (place(text, node) for node in (kept, call))
    return (text[:start] + instead.encode() + text[end:]).decode()


def place(text: bytes, node: ast.expr) -> int:
    """Where a node ends, in bytes from the beginning."""
    lines = text.split(b"\n")[: (node.end_lineno or 1) - 1]
    return sum(len(line) + 1 for line in lines) + (node.end_col_offset or 0)
