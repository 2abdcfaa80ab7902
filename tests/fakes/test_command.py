"""`manage.py fake_google`: a process of its own, found by the lines that it prints."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from django.core.management import CommandError, call_command

from integrations.management.commands import fake_google

ROOT = Path(__file__).resolve().parent.parent.parent


@contextmanager
def running(*arguments: str) -> Iterator[dict[str, str]]:
    """What it prints, as variables; ended as somebody ends it."""
    command = [sys.executable, "manage.py", "fake_google", "--port", "0", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            lines = [process.stdout.readline().strip() for _ in range(8)]
            yield dict(line.split("=", 1) for line in lines if "=" in line)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0


def test_it_serves_sample_mail_and_says_where(tmp_path: Path) -> None:
    archive = tmp_path / "mail.mbox"
    archive.write_bytes(
        b"From x Mon Jan  1 00:00:00 2024\nX-Gmail-Labels: Inbox,Friends\nSubject: Hello\n\nHello.\n"
    )
    with running("--messages", "30", "--account", "ada@example.com", "--mbox", str(archive)) as there:
        assert set(there) == {
            "GOOGLE_API_ROOT", "GOOGLE_AUTH_URI", "GOOGLE_TOKEN_URI", "GOOGLE_REVOKE_URI", "GOOGLE_USERINFO_URI",
            "GOOGLE_CERTS_URI", "GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET",
        }  # fmt: skip
        root = there["GOOGLE_API_ROOT"]
        assert root.startswith("http://127.0.0.1:")
        state = requests.get(f"{root}/fake/state", timeout=5).json()["accounts"]["ada@example.com"]
        assert (len(state["messages"]), len(state["drafts"])) == (35, 1)
        assert "ada@example.com" in requests.get(there["GOOGLE_AUTH_URI"], {
            "client_id": there["GOOGLE_CLIENT_ID"], "redirect_uri": "http://localhost/", "response_type": "code",
            "scope": "openid",
        }, timeout=5).text  # fmt: skip


def test_it_says_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError, match=r"There is no file .*nothing\.mbox\."):
        call_command("fake_google", "--messages", "0", "--mbox", str(tmp_path / "nothing.mbox"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(CommandError, match=f"Port {port} cannot be used .* Choose another: --port 0"):
            call_command("fake_google", "--messages", "0", "--port", port)
    monkeypatch.setattr(fake_google, "FAKE", "tests.nothing_of_the_kind")
    with pytest.raises(CommandError, match="Run this from a checkout of the sources"):
        call_command("fake_google")
