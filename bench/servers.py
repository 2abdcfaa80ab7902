"""Servers of the bench's own, as durable as in an installation, in a folder that is emptied first."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import django

from omnicrm import database
from omnicrm.embedded.home import DATABASE, Home
from omnicrm.embedded.postgres import Postgres
from omnicrm.embedded.valkey import Valkey


@contextmanager
def running() -> Iterator[Home]:
    """Postgres and Valkey, a migrated empty database, and Django set up on them."""
    home = Home(Home.from_env().path / "bench")
    servers = [Postgres(home), Valkey(home)]
    for server in servers:
        server.stop(hurry=True)
        shutil.rmtree(server.folder, ignore_errors=True)
    shutil.rmtree(home.path, ignore_errors=True)
    try:
        for server in servers:
            server.start()
        database.prepare(home.database_admin_url, name=DATABASE)
        set_up_django(home)
        yield home
    finally:
        for server in servers:
            server.stop(hurry=True)


def set_up_django(home: Home) -> None:
    os.environ |= {
        "OMNICRM_DATA": str(home.path),
        "DATABASE_URL": home.database_url,
        "DATABASE_OWNER_URL": home.database_owner_url,
        "REDIS_URL": home.redis_url,
        "SECRET_KEY": home.secret_key(),
        "OMNICRM_KEYS": home.sealing_keys(),
        "DJANGO_SETTINGS_MODULE": "omnicrm.settings",
        "LOG_LEVEL": "ERROR",
        **{f"RATE_LIMIT{kind}": "1000000/minute" for kind in ("", "_POLL", "_LOGIN", "_SEARCH", "_IMPORT")},
    }
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
