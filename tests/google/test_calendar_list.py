"""Which calendars an account has: told by Google, kept in step, and nothing of them followed without being asked."""

from __future__ import annotations

import pytest

from integrations.models import SyncStream
from integrations.streams.calendar_list import WITHDRAWN, begin_calendar_list
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.google.calendars import ME, Following

pytestmark = pytest.mark.django_db
TEAM = "team@group.calendar.google.com"


@pytest.fixture
def following(alice: User) -> Following:
    return Following.begin(alice, kind="calendars", remote_id="me")


def calendars(user: User) -> dict[str, tuple[str, str, str]]:
    with acting_as(user.pk):
        found = SyncStream.objects.for_user(user).filter(kind="calendar")
        return {one.remote_id: (one.title, one.phase, one.health) for one in found}


def test_each_calendar_that_can_be_read_has_a_stream_that_waits(alice: User, following: Following) -> None:
    known = following.google.account(ME).calendars
    known.add(TEAM, "Team")
    known.add("busy@example.com", "Busy", access_role="freeBusyReader")
    following.catch_up()
    assert calendars(alice) == {ME: (ME, "new", "ok"), TEAM: ("Team", "new", "ok")}
    stream = following.stream
    assert (stream.phase, stream.cursor != "", stream.next_sync_at is not None) == ("live", True, True)


def test_names_change_and_calendars_come_and_go(alice: User, following: Following) -> None:
    known = following.google.account(ME).calendars
    following.catch_up()
    known.add(TEAM, "Team")
    following.catch_up()
    known.rename(TEAM, "The team")
    following.catch_up()
    assert calendars(alice)[TEAM] == ("The team", "new", "ok")
    known.remove(TEAM)
    following.catch_up()
    assert calendars(alice)[TEAM] == ("The team", "new", "failed")
    with acting_as(alice.pk):
        assert SyncStream.objects.for_user(alice).get(remote_id=TEAM).health_reason == WITHDRAWN
    known.add(TEAM, "Team again")
    following.catch_up()
    assert calendars(alice)[TEAM] == ("Team again", "new", "ok")


def test_what_went_while_the_token_expired_is_missed_by_the_next_list(
    alice: User, following: Following
) -> None:
    known = following.google.account(ME).calendars
    known.add(TEAM, "Team")
    following.catch_up()
    known.known.pop(TEAM)
    known.expire_tokens()
    following.catch_up()
    assert calendars(alice)[TEAM] == ("Team", "new", "failed")
    assert following.stream.generation == 2


def test_it_begins_once(alice: User, following: Following) -> None:
    with acting_as(alice.pk):
        account = following.stream.account
        first = begin_calendar_list(account)
        assert begin_calendar_list(account).pk == first.pk == following.stream_id
