"""A mailbox at a stand-in for Google, the account that is connected with it here, and what one does with both."""

from __future__ import annotations

import datetime as dt
import http.client
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import requests
from django.utils import timezone

from contacts.models import Interaction
from integrations.approval import approve
from integrations.google import oauth
from integrations.google.client import Google
from integrations.google.transport import Transport
from integrations.models import GoogleAccount, QuotaBucket, RawEvent, SyncStream, SyncWork
from integrations.preferences import Preferences
from integrations.streams.previewing import start_preview
from integrations.streams.ticking import come_back
from jobs.foreground import reload, work_until_settled
from jobs.models import Batch, Job
from jobs.runner import run_one
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.fakes import google as fakes
from tests.fakes.google.sample import letter

ADA = "ada@example.com"
BASE = 1_790_000_000.0


class InProcess(Transport):
    """Reaches the stand-in without a socket."""

    at: fakes.Google

    def send(self, uri: str, method: str, body: bytes | None, headers: Any) -> requests.Response:
        said = {**headers, "authorization": f"Bearer {self.used}"}
        try:
            status, head, content = self.at.handle(method, uri, said, body)
        except http.client.HTTPException as error:
            raise requests.ConnectionError(type(error).__name__) from error
        answer = requests.Response()
        answer.status_code, answer._content, answer.reason = status, content, ""
        answer.headers.update(head)
        return answer


def in_process(at: fakes.Google, account: GoogleAccount) -> Google:
    """What asks the stand-in in this process, with nothing before it."""
    google = Google(account.grant)
    google.transport = InProcess(google.token, google.renew)
    google.transport.at = at
    return google


def connect(user: User, at: fakes.Google, email: str = ADA, **preferences: Any) -> SyncStream:
    """Connected, with nothing planned: the stream of its mail."""
    tokens = at.sign_in(email, "openid", "email", oauth.MAIL)
    account = GoogleAccount(
        user=user,
        google_sub=at.account(email).sub,
        email=email,
        aliases=at.account(email).aliases,
        scopes=["openid", "email", oauth.MAIL],
        access_token=tokens["access_token"].encode(),
        refresh_token=tokens["refresh_token"].encode(),
        access_expires_at=timezone.now() + dt.timedelta(hours=1),
        granted_at=timezone.now(),
        preferences=Preferences.read({"days": None} | preferences).as_json(),
    )
    stream = SyncStream(user=user, account=account, kind="gmail", remote_id="me")
    with acting_as(user.pk):
        account.save(force_insert=True)
        stream.save(force_insert=True)
    return stream


@contextmanager
def served(at: fakes.Google, settings: Any) -> Iterator[None]:
    """The stand-in on loopback, where the settings say that Google is."""
    with fakes.serving(at) as server:
        for name, value in server.environment().items():
            setattr(settings, name, value)
        yield


def fresh(stream: SyncStream) -> SyncStream:
    with acting_as(stream.user_id):
        rows = SyncStream.objects.for_user(stream.user_id).select_related("account")
        found: SyncStream = rows.get(pk=stream.pk)
        return found


def plan(stream: SyncStream, **options: Any) -> Batch:
    with acting_as(stream.user_id):
        batch = start_preview(stream.user, fresh(stream), **options)
    return work_until_settled(batch)


def carry_out(batch: Batch) -> Batch:
    with acting_as(batch.user_id):
        approve(batch, batch.plan_hash)
    return work_until_settled(batch)


def bring(stream: SyncStream, **options: Any) -> Batch:
    """Plan, approve, and let the jobs run to the end."""
    return carry_out(plan(stream, **options))


def follow(stream: SyncStream) -> None:
    """Look for what is new, and do all that follows from it."""
    with acting_as(stream.user_id):
        rows = SyncStream.objects.for_user(stream.user_id).filter(pk=stream.pk)
        rows.update(next_sync_at=timezone.now())
        come_back(fresh(stream))
    while run_one(None, "test", user=stream.user_id):
        pass


def subjects(user: User) -> list[str]:
    """Of all letters that are here, in order."""
    with acting_as(user.pk):
        return sorted(Interaction.objects.for_user(user).values_list("subject", flat=True))


def verdicts(user: User) -> dict[str, str]:
    """What became of each of Google's ids."""
    with acting_as(user.pk):
        rows = RawEvent.objects.for_user(user).exclude(remote="")
        return dict(rows.values_list("external_id", "verdict"))


def work_left(user: User) -> list[tuple[str, str]]:
    with acting_as(user.pk):
        rows = SyncWork.objects.for_user(user).order_by("external_id")
        return list(rows.values_list("external_id", "op"))


def deliver(at: fakes.Google, subject: str, labels: Iterable[str] = ("INBOX",), **more: Any) -> str:
    """A letter to Ada; the id that Google gives it."""
    sent = BASE + more.pop("after", 0)
    more.setdefault("message_id", f"<{subject.replace(' ', '-')}@example.com>")
    raw = letter(subject=subject, at=sent, **more)
    return str(at.account(ADA).deliver(raw, labels, at=sent).id)


def run_all(user: User) -> None:
    """Every job that is due, and what they ask for."""
    while run_one(None, "test", user=user):
        pass


def later(stream: SyncStream) -> None:
    """All waiting is over: Google's, and that of its quotas."""
    QuotaBucket.objects.all().delete()
    with acting_as(stream.user_id):
        rows = SyncStream.objects.for_user(stream.user_id).filter(pk=stream.pk)
        rows.update(not_before=None, next_sync_at=timezone.now())
        SyncWork.objects.for_user(stream.user_id).update(not_before=None)
        Job.objects.for_user(stream.user_id).waiting().update(run_at=timezone.now())


def in_the_end(stream: SyncStream) -> None:
    """All that is to be done, however often its quotas make it wait."""
    for _ in range(5):
        later(stream)
        follow(stream)


def approved(batch: Batch) -> Batch:
    """Approved, and nothing done yet."""
    with acting_as(batch.user_id):
        approve(batch, batch.plan_hash)
    return reload(batch)
