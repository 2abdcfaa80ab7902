"""The cast, and a database of its own for every test process. Alice owns; Charlie is a stranger."""

from __future__ import annotations

import fcntl
import gc
import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from django.conf import settings
from django.contrib.auth.hashers import ScryptPasswordHasher
from django.core.management import call_command
from django.db import connection
from django.test import Client, TransactionTestCase
from psycopg.conninfo import make_conninfo

from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.emptying import Emptying, may_empty
from tests.servers import clone_database
from tests.signing_in import signed_in

# How long an example takes says how busy the machine is, and nothing about what is tested.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")

TEMPLATE = "omnicrm"
CORPORA = Path(__file__).resolve().parent.parent.parent / "shared" / "corpora"


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: looking through it for garbage took a twentieth of the time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def django_db_setup(worker_id: str, django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """One migrated template, made once; a copy of it for each process. All of it runs as the app role."""
    name = f"test_omnicrm_{worker_id}"
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        with (Path(settings.HOME.path) / "migrating.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            call_command("migrate", verbosity=0)
            connection.close()
            clone_database(TEMPLATE, name)
        connection.settings_dict["NAME"] = name
        os.environ["TEST_DATABASE"] = name
        admin = make_conninfo(os.environ["DATABASE_ADMIN_URL"], dbname=name)
        if may_empty(admin):
            emptying = Emptying(admin)
            TransactionTestCase._fixture_teardown = lambda _: emptying.empty()  # type: ignore[method-assign]
        yield
        connection.close()


@pytest.fixture(scope="session", autouse=True)
def uncollected() -> None:
    """Pages name their styles and scripts as they are in the sources: tests collect none."""
    settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    settings.STATIC_ROOT = Path(settings.HOME.path) / "static"
    settings.STATIC_ROOT.mkdir(exist_ok=True)


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> None:
    """Half of the time of most tests went into hashing Alice's password as dearly as an installation does."""
    ScryptPasswordHasher.work_factor = 2


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice@example.org", "correct horse battery", name="Alice Archer")


@pytest.fixture
def charlie(db: None) -> User:
    return User.objects.create_user("charlie@example.net", "correct horse battery", name="Charlie Stranger")


@pytest.fixture
def as_alice(alice: User) -> Iterator[User]:
    """The test's own queries run in Alice's name."""
    with acting_as(alice.pk):
        yield alice


@pytest.fixture
def client(alice: User, client: Client) -> Client:
    """A browser in which Alice has signed in."""
    return signed_in(client, alice)


@pytest.fixture
def stranger(charlie: User) -> Client:
    """A browser in which Charlie has signed in."""
    return signed_in(Client(), charlie)


@pytest.fixture
def corpora() -> Path:
    """Real mail, calendars and cards beside the checkout; skips, loudly, where they are not."""
    if not CORPORA.is_dir():
        pytest.skip("the corpora are not beside this checkout")
    return CORPORA
