"""The headers that every answer has, of whatever address, to whomever. RELIABILITY.md counts those that were looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

INLINE_STYLES = {"integrations:letter"}
"""A letter's own styles, sifted, in a sandbox without script, requests or frames."""


def faults(answer: Any) -> Iterator[str]:
    """What is wrong with the headers of an answer that the test client got."""
    headers = answer.headers
    is_letter = answer.status_code == 200 and name_of(answer) in INLINE_STYLES
    expected = {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer" if is_letter else "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Frame-Options": "SAMEORIGIN" if is_letter else "DENY",
    }
    yield from (
        f"{header}: {headers.get(header)}" for header, said in expected.items() if headers.get(header) != said
    )
    policy = headers.get("Content-Security-Policy", "")
    wanted = ["default-src 'none'", "base-uri 'none'", "form-action", "frame-ancestors"]
    yield from (f"no {one} in {policy!r}" for one in wanted if one not in policy)
    if "unsafe" in policy and not is_letter:
        yield policy
    if "camera=()" not in headers.get("Permissions-Policy", ""):
        yield "no Permissions-Policy"
    if "no-store" not in headers.get("Cache-Control", ""):
        yield f"Cache-Control: {headers.get('Cache-Control')}"
    if "HX-Request" not in headers.get("Vary", ""):
        yield f"Vary: {headers.get('Vary')}"
    yield from (f"{one} is there" for one in headers if one.lower().startswith("access-control-"))


def name_of(answer: Any) -> str:
    """The name of the address, "" where none was found."""
    found = getattr(answer, "resolver_match", None)
    return found.view_name if found else ""
