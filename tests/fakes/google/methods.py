"""The methods of Gmail and Calendar, from the discovery documents that Google's own client ships.

So paths, parameters and the scopes that a method accepts are Google's, not our reading of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import unquote

from googleapiclient.discovery_cache import get_static_doc

from .answers import refuse


@dataclass(frozen=True)
class Method:
    id: str
    verb: str
    pattern: re.Pattern[str]
    scopes: frozenset[str]
    parameters: dict[str, Any]

    @property
    def api(self) -> str:
        return self.id.partition(".")[0]

    def read(self, query: dict[str, list[str]]) -> dict[str, Any]:
        """The parameters as the method means them; a wrong one is refused as Google does."""
        return {name: self._typed(name, values) for name, values in query.items()}

    def _typed(self, name: str, values: list[str]) -> Any:
        known = self.parameters.get(name)
        if known is None:
            raise refuse(400, "badRequest", f'Invalid JSON payload received. Unknown name "{name}"')
        if known.get("repeated"):
            return values
        value = values[-1]
        try:
            return TYPES[known["type"]](value) if known["type"] != "integer" else whole(value, known)
        except (ValueError, KeyError):
            raise refuse(400, "invalidParameter", f"Invalid value at '{name}': \"{value}\"") from None


def whole(value: str, known: dict[str, Any]) -> int:
    number = int(value)
    if number < int(known.get("minimum", number)):
        raise ValueError(value)
    return min(number, int(known.get("maximum", number)))


TYPES: dict[str, Any] = {
    "string": str,
    "number": float,
    "boolean": {"true": True, "false": False}.__getitem__,
}


@cache
def methods() -> dict[str, list[Method]]:
    """By HTTP method."""
    found: dict[str, list[Method]] = {}
    for api, version in (("gmail", "v1"), ("calendar", "v3")):
        document = json.loads(get_static_doc(api, version))
        for method in in_document(document):
            found.setdefault(method.verb, []).append(method)
    return found


def in_document(document: dict[str, Any], below: dict[str, Any] | None = None) -> Iterator[Method]:
    for resource in ((below or document).get("resources") or {}).values():
        for told in resource.get("methods", {}).values():
            yield read_method(document, told)
        yield from in_document(document, resource)


def read_method(document: dict[str, Any], told: dict[str, Any]) -> Method:
    path = re.sub(
        r"\\\{\+?(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(f"/{document['servicePath']}{told['path']}")
    )
    return Method(
        told["id"],
        told["httpMethod"],
        re.compile(path),
        frozenset(told.get("scopes", [])),
        {**document["parameters"], **told.get("parameters", {})},
    )


def find(verb: str, path: str) -> tuple[Method, dict[str, str]] | None:
    """The method at this path, with what the path names."""
    for method in methods().get(verb, []):
        if found := method.pattern.fullmatch(path):
            return method, {name: unquote(value) for name, value in found.groupdict().items()}
    return None
