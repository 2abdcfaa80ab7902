"""Letters of 40 MB among others, in a worker of its own: they come in or stay out, and stop or swell nothing."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from functools import cache

import pytest
from django.conf import settings as django_settings
from django.db import connection

from integrations.models import SyncStream
from jobs.foreground import reload
from omnicrm.models import User
from tests.fakes import google as fakes
from tests.google.mailboxes import ADA, BASE, approved, deliver, later, plan, subjects, verdicts, work_left
from tests.google.test_sending_killed import NAMES, WORK

pytestmark = pytest.mark.django_db(transaction=True)
MOST_MB = 800
"""However many films there are: each comes by itself, in about ten times its size at most."""
MEMORY = "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])"


@cache
def film() -> bytes:
    return base64.encodebytes(os.urandom(30_000_000)).replace(b"\n", b"\r\n")


def huge(at: fakes.Google, subject: str, *labels: str) -> str:
    head = [
        "From: Grace <grace@example.com>", f"To: {ADA}", f"Subject: {subject}", "Date: Mon, 05 Jan 2026 10:00:00 +0000",
        f"Message-ID: <{subject.replace(' ', '.')}@example.com>", "MIME-Version: 1.0",
        "Content-Type: multipart/mixed; boundary=b", "", "--b", "Content-Type: text/plain", "", "The film is attached.",
        "--b", "Content-Type: video/mp4", "Content-Transfer-Encoding: base64",
        "Content-Disposition: attachment; filename=film.mp4", "", "",
    ]  # fmt: skip
    raw = "\r\n".join(head).encode() + film() + b"--b--\r\n"
    assert len(raw) > 40_000_000
    return str(at.account(ADA).deliver(raw, ["INBOX", *labels], at=BASE + 5).id)


def worked() -> int:
    """All that is due, done in a process of its own; the most memory that it had, in MB."""
    given = {f"GOOGLE_{name}": str(getattr(django_settings, f"GOOGLE_{name}")) for name in NAMES}
    code = WORK.format(name=connection.settings_dict["NAME"]) + MEMORY
    ran = [sys.executable, "-c", code]
    done = subprocess.run(ran, env={**os.environ, **given}, check=True, stdout=subprocess.PIPE, text=True)
    return int(done.stdout.split()[-1]) // 1_024


@pytest.mark.parametrize("films", [1, pytest.param(4, marks=pytest.mark.proof)])
def test_films_among_letters(at: fakes.Google, stream: SyncStream, alice: User, films: int) -> None:
    for n in range(12):
        deliver(at, f"letter {n:02}", after=n)
    for n in range(films):
        huge(at, f"film {n}")
    left_out = huge(at, "offer", "CATEGORY_PROMOTIONS")
    batch = approved(plan(stream))
    later(stream)
    most = [worked()]
    assert [one for one in subjects(alice) if "letter" in one], "what is small waits for nothing"
    while work_left(alice):
        later(stream)
        most.append(worked())
    assert subjects(alice) == sorted(
        [f"film {n}" for n in range(films)] + [f"letter {n:02}" for n in range(12)]
    )
    assert (reload(batch).state, verdicts(alice)[left_out]) == ("done", "skipped:category:promotions")
    bodies = [call for call in at.calls if "raw" in call.query.get("format", [])]
    assert not [call for call in bodies if call.path.endswith(left_out)], "no body of what stays out"
    assert max(most) < MOST_MB, most
