"""Which function answers which method of Google's."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .answers import refuse

if TYPE_CHECKING:
    from .accounts import Account
    from .core import Google
    from .mailbox import Mailbox


@dataclass
class Asked:
    """One allowed request to one method."""

    google: Google
    account: Account
    scopes: frozenset[str]
    parameters: dict[str, Any]
    body: bytes

    def __getitem__(self, name: str) -> Any:
        return self.parameters[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self.parameters.get(name, default)

    @property
    def mailbox(self) -> Mailbox:
        return self.account.mailbox

    @property
    def data(self) -> dict[str, Any]:
        try:
            data = json.loads(self.body or b"{}")
        except ValueError:
            raise refuse(400, "parseError", "Parse Error") from None
        if not isinstance(data, dict):
            raise refuse(400, "parseError", "Parse Error")
        return data


Handler = Callable[[Asked], dict[str, Any] | None]
HANDLERS: dict[str, Handler] = {}


def answers(method: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        HANDLERS[method] = handler
        return handler

    return register
