from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection

from omnicrm.crypto import Keyring
from omnicrm.embedded.home import DATABASE, PROJECT
from omnicrm.management.commands import doctor
from omnicrm.models import User

FOR_BROWSERS = {"DJANGO_ALLOW_ASYNC_UNSAFE"}
"""What browser tests in the same process set, and the doctor would mention."""


def states() -> dict[str, str]:
    return {finding.name: finding.state for finding in doctor.examine()}


@pytest.mark.django_db
def test_a_sound_installation_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FOR_BROWSERS:
        monkeypatch.delenv(name, raising=False)
    out = StringIO()
    with pytest.raises(SystemExit) as left:
        call_command("doctor", "--json", stdout=out)
    answer = json.loads(out.getvalue())
    assert [finding for finding in answer["findings"] if finding["state"] == "wrong"] == []
    assert (left.value.code, answer["ok"]) == (0, True)
    found = {finding["name"]: finding["state"] for finding in answer["findings"]}
    sound = ("python", "data_folder", "postgres", "clock", "roles", "extensions", "migrations", "valkey")
    assert {name: found[name] for name in sound} == dict.fromkeys(sound, "ok")
    assert found["worker"] == "note"  # there is none in tests
    assert "port" not in found  # only `make run` needs one, and these servers are not its own


@pytest.mark.django_db
def test_a_lost_valkey_is_only_a_note(settings: Any) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    found = states()
    assert found["valkey"] == "note"
    assert "worker" not in found


@pytest.mark.django_db
def test_a_login_that_could_lift_the_protection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "USER", "omnicrm_owner")
    finding = doctor.roles()
    assert finding.state == "wrong"
    assert re.match(
        r"DATABASE_URL logs in as omnicrm_owner, which owns \d+ tables and could", finding.message
    )
    assert finding.message.endswith("as omnicrm_app; `manage.py setup_database` makes that role.")


@pytest.mark.django_db
def test_a_clock_that_is_wrong() -> None:
    assert doctor.clock().state == "ok"
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=2)):
        finding = doctor.clock()
    assert finding.state == "wrong"
    assert re.search(
        r" are (119|120) s apart\. On both machines, run: timedatectl set-ntp true$", finding.message
    )


@pytest.mark.django_db
def test_keys_that_do_not_fit_and_a_setting_that_was_not_carried_out(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert doctor.keys().message.startswith("The keys in OMNICRM_KEYS open what is sealed. Without them ")
    assert doctor.personal().state == "ok"
    User.objects.create_user("alice@example.org")
    settings.PII_STRICT = True
    assert (doctor.personal().state, doctor.personal().message[:80]) == (
        "wrong",
        "PII_STRICT is on, and what is personal is not all sealed yet. Run: manage.py sea",
    )
    for module in ("keys", "sealed"):
        monkeypatch.setattr(f"omnicrm.{module}.keyring", lambda: Keyring({"z9": bytes(32)}))
    finding = doctor.keys()
    assert finding.state == "wrong"
    assert finding.message.endswith(
        "Put it back from your copy; without it the sealed mail and secrets stay closed."
    )


def wrong(**changes: str) -> list[str]:
    """What the doctor of an installation with these settings finds to be mended."""
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor", "--json"],
        env={name: value for name, value in os.environ.items() if name not in FOR_BROWSERS} | changes,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "")
    return [
        finding["message"] for finding in json.loads(done.stdout)["findings"] if finding["state"] == "wrong"
    ]


def test_a_database_on_which_nothing_is_prepared() -> None:
    lacks, waiting = wrong(DATABASE_URL=os.environ["DATABASE_URL"].removesuffix(f"/{DATABASE}") + "/postgres")
    assert lacks == (
        "The database lacks btree_gin, pg_trgm, unaccent, vector. Run `manage.py setup_database`."
    )
    assert re.fullmatch(r"\d+ migrations wait\. Run `manage\.py migrate`\.", waiting)


def test_a_postgres_that_is_down_and_other_things_at_once() -> None:
    down, key, media = wrong(
        DATABASE_URL="postgresql://omnicrm_app@127.0.0.1:1/omnicrm",
        MEDIA_ROOT="/dev/null/media",
        SECRET_KEY="",
    )
    assert down.startswith("Postgres does not let us in (")
    assert down.endswith("Connection refused). Start it, or check DATABASE_URL.")
    assert media.startswith(
        "/dev/null/media cannot be written, so no file can be uploaded. Give this account"
    )
    assert key.startswith("SECRET_KEY is not set. Set SECRET_KEY to what `openssl rand -hex 32` prints")


def test_a_taken_port_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        number = other.getsockname()[1]
        monkeypatch.setenv("PORT", str(number))
        finding = doctor.port()
    assert finding.state == "note"
    assert finding.message.startswith(f"Port {number} on 127.0.0.1 is in use.")


def test_no_room_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LEAST_SPACE", 10**18)
    finding = doctor.data_folder()
    assert finding.state == "wrong"
    assert finding.message.endswith("Make room, or set OMNICRM_DATA to a folder on another disk.")
