"""A permission that ended, somebody else's account by mistake, and the right one: what was followed goes on."""

from __future__ import annotations

from django.test import Client

from integrations import accounts
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.fakes.google import Account, Google
from tests.fakes.google.server import Server
from tests.google.mailboxes import bring, deliver, follow, fresh, subjects
from tests.google.test_connecting import ada as ada
from tests.google.test_connecting import google as google
from tests.google.test_connecting import server as server
from tests.google.walking import ADA, GRACE, connect, of


def test_the_wrong_account_changes_nothing_and_the_right_one_goes_on(
    alice: User, client: Client, google: Google, server: Server, ada: Account
) -> None:
    """From the first letter to the one that arrived while we were locked out, with somebody else's mailbox in between."""
    deliver(google, "before")
    connect(client, google)
    (account,) = of(alice)
    with acting_as(alice.pk):
        stream = accounts.mail_of(account)
    bring(stream)
    ada.change_password()
    google.oauth.expire_access()
    deliver(google, "while locked out", after=5)
    follow(stream)
    stopped = fresh(stream)
    assert (stopped.health, stopped.account.health, subjects(alice)) == ("reauth", "reauth", ["before"])
    google.calls.clear()

    connect(client, google, GRACE, f"/connections/{account.pk}/again/")
    follow(stream)
    later = fresh(stream)
    assert (later.health, later.cursor, later.phase) == ("reauth", stopped.cursor, stopped.phase)
    assert later.account.grant == stopped.account.grant
    asked = [call.name for call in google.calls.of("gmail")]
    assert asked == ["gmail.users.settings.sendAs.list"], "whose it is, and nothing of its mail"
    assert [one.google_sub for one in of(alice)] == [ada.sub]

    connect(client, google, ADA, f"/connections/{account.pk}/again/")
    follow(stream)
    assert (fresh(stream).health, fresh(stream).pk) == ("ok", stream.pk)
    assert subjects(alice) == ["before", "while locked out"]
    assert len(google.calls.of("messages.list")) == 0, "nothing is listed again"
