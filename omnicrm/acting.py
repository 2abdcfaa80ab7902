"""Who the database believes is asking. Row-level security shows a user's rows to that user alone.

`acting_as` is the only place that names a user to Postgres. The setting is local to a transaction, so a
connection that goes back to a pool never carries an identity with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

View = TypeVar("View", bound=Callable[..., Any])

_acting: ContextVar[UUID | None] = ContextVar("acting", default=None)
_actor: ContextVar[str] = ContextVar("actor", default="operator")


def current_user_id() -> UUID | None:
    """The user named by the innermost `acting_as`, or None."""
    return _acting.get()


def current_actor() -> str:
    """What kind of hand is at work: web, api, worker, operator or model."""
    return _actor.get()


@contextmanager
def actor(kind: str) -> Iterator[None]:
    """Everything written inside is noted in the events as done by `kind`."""
    token = _actor.set(kind)
    try:
        yield
    finally:
        _actor.reset(token)


def _tell_postgres(user_id: UUID | None, *, durable: bool = True) -> None:
    haste = "" if durable else ", set_config('synchronous_commit', 'off', true)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT set_config('app.user_id', %s, true){haste}", [str(user_id) if user_id else ""]
        )


@contextmanager
def acting_as(user_id: UUID, *, durable: bool = True) -> Iterator[None]:
    """One transaction in which Postgres shows and accepts the rows of this user, and of nobody else.

    Unless `durable`, its commit does not wait for the disk: a crash of Postgres may take back the last fraction
    of a second, whole transactions in order. For work that is then done again by itself.
    """
    nested, previous = connection.in_atomic_block, _acting.get()
    token = _acting.set(user_id)
    try:
        with transaction.atomic():
            _tell_postgres(user_id, durable=durable)
            yield
            # A commit or a rollback forgets the name; only a transaction that goes on must be told again.
            if nested and not connection.needs_rollback:
                _tell_postgres(previous)
    finally:
        _acting.reset(token)


@contextmanager
def as_role(role: str) -> Iterator[None]:
    """One transaction as `omnicrm_dispatch` or `omnicrm_ops`, which see other users' rows in their tables only."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE omnicrm_{role}")
        yield
        if not connection.needs_rollback:
            cursor.execute("SET LOCAL ROLE NONE")


@contextmanager
def as_owner() -> Iterator[None]:
    """The owner of the tables, for migrations and for emptying the test database. Not inside a transaction."""
    app = dict(connection.settings_dict)
    owner = {key: settings.OWNER_DATABASE[key] for key in ("USER", "PASSWORD", "HOST", "PORT")}
    connection.close()
    connection.settings_dict.update(owner, OPTIONS={})
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update({key: app[key] for key in (*owner, "OPTIONS")})


def own_units(view: View) -> View:
    """Marks a view that opens its own transactions, because it reaches the network or streams."""
    view.own_units = True  # type: ignore[attr-defined]
    return view
