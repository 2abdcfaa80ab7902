"""A Google that tells us of changes, what of it is followed here, and the way of its pushes into this process."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.test import Client
from django.utils import timezone

from integrations.google import oauth
from integrations.models import QuotaBucket, SyncStream
from integrations.streams.ticking import follow_streams
from integrations.streams.watching import renew_watches
from jobs.models import Job
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.fakes import google as fakes
from tests.google.mailboxes import ADA, connect, fresh, run_all

TOPIC = "projects/ours/topics/gmail"
GMAIL, CALENDAR = "/push/gmail/", "/push/calendar/"


def following(user: User, at: fakes.Google) -> SyncStream:
    """The mail of an account that was looked at just now."""
    stream = connect(user, at)
    cursor = str(at.account(ADA).mailbox.history.last)
    return change(stream, phase="live", cursor=cursor, next_sync_at=soon())


def following_calendar(mail: SyncStream, at: fakes.Google) -> SyncStream:
    """The calendar of the same account, looked at just now."""
    account, tokens = mail.account, at.sign_in(ADA, *oauth.READING)
    stream = SyncStream(user=mail.user, account=account, kind="calendar", remote_id=ADA, phase="list")
    with acting_as(mail.user_id):
        account.access_token = tokens["access_token"].encode()
        account.refresh_token = tokens["refresh_token"].encode()
        account.scopes = list(oauth.READING)
        account.save()
        stream.next_sync_at = timezone.now()
        stream.save(force_insert=True)
    tick(stream)
    return fresh(stream)


def soon() -> dt.datetime:
    return timezone.now() + dt.timedelta(seconds=60)


def tick(stream: SyncStream) -> None:
    """What the clock does: what is due is looked for."""
    follow_streams()
    run_all(stream.user)


def watch(stream: SyncStream) -> SyncStream:
    """What the clock does: watches begin, go on and end. Quotas are left aside."""
    QuotaBucket.objects.all().delete()
    renew_watches()
    run_all(stream.user)
    return fresh(stream)


def post(client: Client) -> Callable[[str, dict[str, str], bytes], int]:
    """Takes a push of Google's to us; the status of the answer, which says nothing else."""

    def send(url: str, headers: dict[str, str], body: bytes) -> int:
        sent = {name: value for name, value in headers.items() if not name.startswith("content-")}
        answer = client.post(urlsplit(url).path, body, content_type="application/json", headers=sent)
        assert answer.content == b""
        return int(answer.status_code)

    return send


def waiting(stream: SyncStream) -> list[str]:
    """The kinds of the jobs that wait to be done."""
    with acting_as(stream.user_id):
        return sorted(Job.objects.for_user(stream.user_id).waiting().values_list("kind", flat=True))


def asked(at: fakes.Google) -> list[str]:
    """The names of all calls of Gmail and Calendar, shortened."""
    names = [call.name for call in at.calls if call.name.startswith(("gmail.", "calendar."))]
    return [name.removeprefix("gmail.users.").removeprefix("calendar.") for name in names]


def change(stream: SyncStream, **values: Any) -> SyncStream:
    with acting_as(stream.user_id):
        SyncStream.objects.for_user(stream.user_id).filter(pk=stream.pk).update(**values)
    return fresh(stream)
