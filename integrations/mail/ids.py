"""Message identifiers (RFC 5322 §3.6.4), normalized so that two archives of one message agree."""

from __future__ import annotations

import re

MAX_ID = 250
_ID = re.compile(r"<([^<>]{1,2000})>|(?<![^\s<>,;])([^\s<>,;()\"@]++@[^\s<>,;()\"]++)")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")


def message_ids(value: str) -> list[str]:
    """The identifiers in a header in order, without angle brackets, each once. What is no identifier is left out."""
    ids = (normal_id(found[1] or found[2]) for found in _ID.finditer(value))
    return list(dict.fromkeys(one for one in ids if one))


def normal_id(value: str) -> str:
    """One identifier as it is compared: no brackets or spaces, the domain in lower case; empty if it names nothing.

    Also for identifiers from an API. The part before the @ is kept as it is, for it may be case-sensitive.
    """
    bare = _SPACE.sub("", value).strip("<>")
    local, at, domain = bare.rpartition("@")
    if len(bare) > MAX_ID or not bare or (at and not (local and domain)):
        return ""
    return f"{local}@{domain.lower()}" if at else bare
