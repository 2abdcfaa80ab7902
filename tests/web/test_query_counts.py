"""How many queries a page takes is a number that we know, and the number of rows on it is not part of it."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobs.models import Batch
from omnicrm.models import User
from tests.factories import (
    NOON,
    make_batch,
    make_batch_item,
    make_calendar_event,
    make_company,
    make_contact,
    make_contact_tag,
    make_event_attendee,
    make_identity,
    make_interaction,
    make_note,
    make_participant,
    make_plan_item,
    make_stream,
    make_suggestion,
    make_task,
)

# Of each, six are the session, the user, the transaction and in whose name it is.
QUERIES = {
    "/contacts/": 11,
    "/contacts/?sort=-last": 11,
    "/contacts/?q=person": 12,
    "/contacts/ada/": 18,
    "/contacts/ada/?kind=email": 17,
    "/suggestions/": 10,
    "/suggestions/?q=example&with=mail&sort=last": 10,
    "/": 26,
    "/connections/": 12,
    "/batches/{batch}/": 7,
    "/search/?q=engine": 12,
    "/calendar/": 12,
    "/calendar/?show=month&known=1": 12,
}


@pytest.mark.parametrize("path", QUERIES)
def test_as_many_queries_as_ever(client: Client, alice: User, path: str) -> None:
    batch = make_batch(alice, state=Batch.State.DONE)
    ada = make_contact(alice, display_name="Ada", slug="ada", batch=batch, last_interaction_at=NOON)
    address = make_identity(alice, contact=ada)
    asked = path.format(batch=batch.pk)
    tomorrow = timezone.now() + dt.timedelta(days=1)
    for number in range(30):
        contact = make_contact(
            alice,
            display_name=f"Person {number}",
            company=make_company(alice),
            last_interaction_at=NOON + dt.timedelta(days=number),
            batch=batch,
        )
        make_contact_tag(alice, contact=contact)
        interaction = make_interaction(alice, batch=batch, occurred_at=NOON + dt.timedelta(days=number))
        make_participant(alice, interaction=interaction, identity=address)
        make_participant(alice, interaction=interaction, identity=make_identity(alice, contact=contact))
        make_note(alice, contact=ada)
        make_task(alice, contact=ada)
        for fields in ({}, {"recurring": True, "recurrence": "RRULE:FREQ=DAILY"}):
            event = make_calendar_event(alice, starts_at=tomorrow, ends_at=tomorrow, **fields)
            make_event_attendee(alice, event=event, identity=address)
        make_plan_item(alice, batch=batch)
        make_stream(alice, phase="live")
        make_batch_item(alice, batch=batch)
        stranger = make_identity(alice)
        make_participant(alice, interaction=interaction, identity=stranger)
        evidence = {
            "met": 0,
            "invited": 0,
            "received": 1,
            "last": NOON.isoformat(),
            "interactions": [str(interaction.pk)],
        }
        make_suggestion(alice, key=stranger.value, evidence=evidence)
        if number in (2, 29):
            assert queries(client, asked) == QUERIES[path], f"{number + 1} of each"


def queries(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as made:
        assert client.get(path).status_code == 200
    return len(made)
