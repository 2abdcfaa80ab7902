"""What a process of the site does for a test outside of it: a line of JSON asks, a line answers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone
from django.utils.html import strip_tags

from contacts.models import Interaction
from integrations import accounts
from integrations.approval import approve
from integrations.connecting_views import callback_url
from integrations.google import oauth
from integrations.ledger import ledger
from integrations.models import RawEvent, SyncStream
from integrations.streams.health import pause_stream
from integrations.streams.previewing import start_preview
from integrations.streams.reconciling import reconcile_soon
from jobs.models import Batch
from omnicrm.acting import acting_as
from omnicrm.models import User


def serve() -> None:
    for line in sys.stdin:
        name, *given = json.loads(line)
        answer = ASKED[name](*given)
        connection.close()
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def user_of(email: str) -> User:
    user: User = User.objects.get_or_create(email=email)[0]
    return user


def connect(email: str, mailbox: str) -> str:
    """As somebody connects an account who allows its mail to be read on Google's page; the id of its stream."""
    user, scopes = user_of(email), ("openid", "email", oauth.MAIL)
    attempt = oauth.begin(callback_url(), scopes=scopes)
    form = [(name, values[0]) for name, values in parse_qs(urlsplit(attempt.url).query).items()]
    form += [("account", mailbox), ("decision", "allow"), *(("granted", scope) for scope in scopes)]
    back = requests.post(attempt.url.partition("?")[0], data=form, allow_redirects=False, timeout=10)
    code = parse_qs(urlsplit(back.headers["location"]).query)["code"][0]
    grant = oauth.exchange(code, attempt.verifier, callback_url(), now=timezone.now())
    person, aliases = oauth.who_is_it(grant), accounts.aliases_of(grant)
    with acting_as(user.pk):
        account = accounts.connect(user, grant, person, now=timezone.now(), aliases=aliases)
        return str(accounts.mail_of(account).pk)


def stream_of(user: User) -> SyncStream:
    stream: SyncStream = SyncStream.objects.for_user(user).select_related("account").get(kind="gmail")
    return stream


def plan(email: str) -> str:
    user = user_of(email)
    with acting_as(user.pk):
        return str(start_preview(user, stream_of(user)).pk)


def agree(email: str, batch_id: str) -> None:
    user = user_of(email)
    with acting_as(user.pk):
        batch = Batch.objects.for_user(user).get(pk=batch_id)
        approve(batch, batch.plan_hash)


def compare(email: str) -> str:
    """The job that holds all that is here to what Google has."""
    user = user_of(email)
    with acting_as(user.pk):
        return str(reconcile_soon(stream_of(user)).pk)


def standing(email: str) -> dict[str, Any]:
    """What is here of a mailbox."""
    user = user_of(email)
    with acting_as(user.pk):
        stream = stream_of(user)
        raws = list(RawEvent.objects.for_user(user).filter(source=stream.source).defer("payload"))
        held = [raw for raw in raws if raw.verdict == RawEvent.KEPT and raw.remote == RawEvent.Remote.LIVE]
        return {
            "subjects": sorted(Interaction.objects.for_user(user).values_list("subject", flat=True)),
            "held": sorted(raw.external_id for raw in held),
            "others": {raw.external_id: raw.verdict for raw in raws if raw not in held},
            "ledger": ledger(user.pk),
            "tally": stream.tally,
            "missing": stream.missing,
        }


def card(email: str) -> str:
    """What the page of their accounts says, without its markup."""
    browser = Client(headers={"host": urlsplit(settings.SITE_URL).netloc})
    browser.force_login(user_of(email))
    page = browser.get("/connections/").content.decode()
    return " ".join(strip_tags(page.partition("<main")[2]).split())


def pause(email: str) -> None:
    """Nothing of this mailbox is asked any more."""
    user = user_of(email)
    with acting_as(user.pk):
        pause_stream(stream_of(user))


ASKED: dict[str, Callable[..., Any]] = {
    "pause": pause,
    "card": card,
    "connect": connect,
    "plan": plan,
    "agree": agree,
    "compare": compare,
    "standing": standing,
}
