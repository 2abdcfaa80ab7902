from __future__ import annotations

import json
import socket
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from omnicrm.management.commands import doctor


def states() -> dict[str, str]:
    return {finding.name: finding.state for finding in doctor.examine()}


@pytest.mark.django_db
def test_a_sound_installation_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    # Browser tests in the same process set it.
    monkeypatch.delenv("DJANGO_ALLOW_ASYNC_UNSAFE", raising=False)
    out = StringIO()
    with pytest.raises(SystemExit) as left:
        call_command("doctor", "--json", stdout=out)
    answer = json.loads(out.getvalue())
    assert [finding for finding in answer["findings"] if finding["state"] == "wrong"] == []
    assert (left.value.code, answer["ok"]) == (0, True)
    found = {finding["name"]: finding["state"] for finding in answer["findings"]}
    sound = ("python", "data_folder", "postgres", "roles", "extensions", "migrations", "valkey")
    assert {name: found[name] for name in sound} == dict.fromkeys(sound, "ok")
    assert found["worker"] == "note"  # there is none in tests


@pytest.mark.django_db
def test_a_lost_valkey_is_only_a_note(settings: Any) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    found = states()
    assert found["valkey"] == "note"
    assert "worker" not in found


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
