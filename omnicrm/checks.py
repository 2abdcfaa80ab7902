"""What can be wrong with the settings of an installation, found before it hurts; each hint says what to type."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.http.request import validate_host

from omnicrm import env
from omnicrm.crypto import BadKeyring, Keyring

SHORTEST_KEY = 32
LOCAL = {"localhost", "127.0.0.1", "[::1]"}
FILES = "omnicrm.sealedfiles.SealedStorage"


@register(Tags.security)
def secret_key(**_: Any) -> list[CheckMessage]:
    """An embedded installation makes its own; elsewhere somebody has to."""
    hint = "Set SECRET_KEY to what `openssl rand -hex 32` prints, the same for web, worker and beat."
    try:
        length = len(settings.SECRET_KEY)
    except ImproperlyConfigured:
        return [Error("SECRET_KEY is not set.", hint=hint, id="omnicrm.E001")]
    if length < SHORTEST_KEY:
        words = f"SECRET_KEY has {length} characters, so sessions could be forged."
        return [Error(words, hint=hint, id="omnicrm.E002")]
    return []


@register(Tags.security)
def sealing_keys(**_: Any) -> list[CheckMessage]:
    """What is sealed must open again after every restart, so an installation without keys takes nothing in."""
    hint = "Set OMNICRM_KEYS to what `echo k1:$(openssl rand -base64 32)` prints, and keep a copy apart from backups."
    try:
        Keyring.parse(settings.OMNICRM_KEYS)
    except BadKeyring as error:
        words = (
            f"OMNICRM_KEYS cannot be used: {error}" if settings.OMNICRM_KEYS else "OMNICRM_KEYS is not set."
        )
        return [Error(words, hint=hint, id="omnicrm.E011")]
    return []


@register(Tags.security)
def hosts(**_: Any) -> list[CheckMessage]:
    """The address that people type must be one that we answer to, and details of errors are for nobody else."""
    host = site_host()
    found: list[CheckMessage] = []
    if not settings.DEBUG and not validate_host(host, settings.ALLOWED_HOSTS):
        words = f"SITE_URL is {settings.SITE_URL}, and ALLOWED_HOSTS does not name {host}: every page would answer 400."
        named = ",".join([*settings.ALLOWED_HOSTS, host])
        found.append(Error(words, hint=f"Set ALLOWED_HOSTS={named}", id="omnicrm.E003"))
    if settings.DEBUG and (public := sorted({*settings.ALLOWED_HOSTS, host} - LOCAL)):
        words = f"DEBUG is on, and {', '.join(public)} can be reached by others: errors would show them our settings."
        found.append(Error(words, hint="Remove DEBUG, or set it to 0.", id="omnicrm.E004"))
    return found


@register(Tags.security, deploy=True)
def open_doors(**_: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if "*" in settings.ALLOWED_HOSTS:
        words = "ALLOWED_HOSTS is *, so links in mail can be made to lead to another site."
        found.append(Warning(words, hint=f"Set ALLOWED_HOSTS={site_host()}", id="omnicrm.W005"))
    if settings.SITE_URL.startswith("http://") and site_host() not in LOCAL:
        words = f"SITE_URL is {settings.SITE_URL}: passwords and mail would travel unencrypted."
        hint = f"Put a proxy with TLS in front (docs/production.md), then set SITE_URL=https://{site_host()}"
        found.append(Warning(words, hint=hint, id="omnicrm.W006"))
    return found


@register(Tags.files)
def media_root(**_: Any) -> list[CheckMessage]:
    """Uploads wait there until they are read. It is made on first use, if the folder above lets us."""
    folder = nearest(Path(settings.MEDIA_ROOT))
    if settings.STORAGES["default"]["BACKEND"] != FILES or os.access(folder, os.W_OK | os.X_OK):
        return []
    words = f"{settings.MEDIA_ROOT} cannot be written, so no file can be uploaded."
    hint = f"Give this account the right to write {folder}, or set MEDIA_ROOT to a folder of its own."
    return [Error(words, hint=hint, id="omnicrm.E007")]


@register(Tags.compatibility)
def heartbeat(**_: Any) -> list[CheckMessage]:
    """A worker speaks before its silence is taken for death."""
    lease, beat = settings.JOB_LEASE_SECONDS, settings.JOB_HEARTBEAT_SECONDS
    if beat <= lease:
        return []
    words = f"JOB_HEARTBEAT_SECONDS is {beat} and JOB_LEASE_SECONDS {lease}: jobs would be taken from living workers."
    return [Error(words, hint=f"Set JOB_HEARTBEAT_SECONDS={max(1, lease // 3)}", id="omnicrm.E020")]


@register(Tags.database)
def roles(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Who DATABASE_URL logs in as. Before a migration, and in `check --database default`."""
    if "default" not in (databases or ()):
        return []
    app = str(dj_database_url.parse(settings.DATABASE_URL).get("USER", ""))
    return [*role_is_bound(app), *owner_is_somebody_else(app)]


def role_is_bound(app: str) -> list[CheckMessage]:
    """Row-level security holds for the role that serves requests."""
    hint = "Let DATABASE_URL log in as omnicrm_app; `manage.py setup_database` makes that role."
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = %s", [app])
        exempt = (cursor.fetchone() or (False,))[0]
        cursor.execute("SELECT count(*) FROM pg_tables WHERE tableowner = %s", [app])
        (tables,) = cursor.fetchone()
    if exempt:
        words = f"DATABASE_URL logs in as {app}, which row-level security does not bind: it sees everybody's data."
        return [Error(words, hint=hint, id="omnicrm.E008")]
    if tables:
        words = f"DATABASE_URL logs in as {app}, which owns {tables} tables and could lift their protection."
        return [Error(words, hint=hint, id="omnicrm.E009")]
    return []


def owner_is_somebody_else(app: str) -> list[CheckMessage]:
    """Only `migrate` needs the owner, so web and workers may well go without its URL."""
    if not env.secret("DATABASE_URL") or env.secret("DATABASE_OWNER_URL"):
        return []
    words = f"DATABASE_OWNER_URL is not set, and {app} may change no table, so nothing can be migrated."
    hint = "For `migrate`, set DATABASE_OWNER_URL to the URL of omnicrm_owner; `manage.py setup_database` tells it."
    return [Warning(words, hint=hint, id="omnicrm.W010")]


def site_host() -> str:
    """The host of SITE_URL as requests name it: without a port, IPv6 in brackets."""
    host = urlsplit(settings.SITE_URL).hostname or ""
    return f"[{host}]" if ":" in host else host


def nearest(path: Path) -> Path:
    """The path itself, or the folder above it in which it would be made."""
    return path if os.path.exists(path) or path.parent == path else nearest(path.parent)  # noqa: PTH110 - never raises
