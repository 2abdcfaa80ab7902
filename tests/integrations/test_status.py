"""What the card of a stream says: up to date where nothing is open, and otherwise exactly what is."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from integrations.cards import Progress, progress
from integrations.models import GoogleAccount, SyncStream
from integrations.status import BAD, CALM, GOOD, WARN, Facts, clock, difference, points, tone
from jobs.models import Batch

NOW = timezone.now()
MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)
SOON = NOW + 5 * MINUTE
TALLY = {"google": 10, "held": 7, "left_out": 3, "waiting": 0, "unreadable": 0, "missing": 0, "strays": 0}


def facts(more: dict[str, Any] | None = None, **stream: Any) -> Facts:
    known: dict[str, Any] = {
        "kind": "gmail",
        "phase": "live",
        "last_ok_at": NOW - MINUTE,
        "reconciled_at": NOW - DAY,
        "missing": 0,
    }
    row = SyncStream(account=GoogleAccount(), **known | {"tally": TALLY} | stream)
    return Facts(row, NOW, **more or {})


def said(found: Facts) -> list[tuple[str, str]]:
    return [(point.tone, point.words) for point in points(found)]


def test_up_to_date_is_what_has_nothing_open() -> None:
    assert points(facts()) == []
    assert tone(points(facts())) == GOOD


@pytest.mark.parametrize(
    ("stream", "more", "expected"),
    [
        ({}, {"todo": 12}, (CALM, "12 messages are being fetched.")),
        ({}, {"todo": 1}, (CALM, "1 message is being fetched.")),
        ({}, {"unread": 3}, (CALM, "3 messages are being read.")),
        ({}, {"parked": 3}, (BAD, "3 messages could not be read. Look at what they are.")),
        (
            {"missing": 12},
            {"todo": 12},
            (WARN, "12 messages at Google were not here, and are being fetched now."),
        ),
        (
            {"missing": 1},
            {},
            (WARN, "1 message at Google was not here, and it is compared again soon."),
        ),
        (
            {"reconciled_at": None},
            {},
            (CALM, "In step. It is about to be compared with Google, id by id, for the first time."),
        ),
        (
            {"tally": TALLY | {"google": 11, "waiting": 1}},
            {},
            (CALM, "1 message had not come when it was compared last. It is compared again soon."),
        ),
        (
            {"phase": "list", "generation": 2},
            {},
            (CALM, "Everything is compared once more, as Google forgot what had changed. Nothing is lost."),
        ),
        (
            {"health": "throttled", "not_before": SOON},
            {},
            (WARN, f"Google asks for a pause until {clock(SOON)}. Nothing is lost."),
        ),
        ({}, {"pause_until": SOON}, (WARN, f"Google asks for a pause until {clock(SOON)}. Nothing is lost.")),
        (
            {"health_reason": "Google cannot be reached.", "fail_streak": 2, "not_before": SOON},
            {},
            (WARN, f"Google cannot be reached. Tried again at {clock(SOON)}."),
        ),
        (
            {"health": "failed", "health_reason": "The Gmail API is off.", "not_before": SOON},
            {},
            (BAD, f"The Gmail API is off. Tried again at {clock(SOON)}."),
        ),
        (
            {"health": "reauth"},
            {},
            (BAD, "Stopped until the account is connected again. It goes on where it stopped."),
        ),
        ({"health": "no_scope", "health_reason": "A box."}, {}, (BAD, "A box.")),
        ({"health": "paused"}, {}, (WARN, "Paused. Nothing is asked of Google until you resume.")),
        ({"phase": "new"}, {}, (WARN, "Not begun. Look at what would come in, then approve it.")),
        ({"phase": "approval"}, {}, (WARN, "A plan waits for your approval. Nothing is read before.")),
        (
            {"phase": "preview"},
            {},
            (CALM, "Being listed, to show you what would come in. Nothing is written."),
        ),
    ],
)
def test_what_is_open_is_said(
    stream: dict[str, Any], more: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert said(facts(more, **stream))[0] == expected
    assert tone(points(facts(more, **stream))) != GOOD


def test_while_google_is_away_it_says_since_when_it_is_stale() -> None:
    heard = NOW - 40 * MINUTE
    away = facts(health_reason="Google cannot be reached.", fail_streak=3, not_before=SOON, last_ok_at=heard)
    words = f"Stale since {clock(heard)}: until then all was known, and what came after is fetched later."
    assert said(away)[1] == (WARN, words)
    assert said(facts(health="reauth", last_ok_at=heard))[1] == (WARN, words)
    # Even where nothing else is known to be wrong: workers may stand still.
    assert said(facts(last_ok_at=heard)) == [(WARN, words)]


def test_an_old_comparison_is_good_for_nothing() -> None:
    (point,) = points(facts(reconciled_at=NOW - 3 * DAY))
    assert point.words.startswith("In step, but not compared with Google since ")
    assert tone([point]) == WARN


def test_all_that_is_open_is_said_the_worst_first() -> None:
    found = facts({"todo": 12, "parked": 3, "unread": 1}, missing=2)
    assert [point.tone for point in points(found)] == [BAD, WARN, CALM, CALM]


def test_the_list_of_calendars_needs_no_comparison() -> None:
    assert points(facts(kind="calendars", reconciled_at=None, tally={})) == []


def test_the_truth_is_what_google_has_less_what_is_here_and_what_is_left_out() -> None:
    assert difference(TALLY) == 0
    assert difference(TALLY | {"google": 12}) == 2
    assert difference({}) == 0


def test_how_far_and_how_fast_an_import_is(settings: Any) -> None:
    settings.GOOGLE_USER_UNITS, settings.GOOGLE_QUOTA_SHARE = 6000, 80
    batch = Batch(done_steps=0, total_steps=400, approved_at=NOW)
    assert progress(batch, "gmail", NOW) == Progress(0, 400, 4.0, False)
    batch.done_steps = 120
    far = progress(batch, "gmail", NOW + dt.timedelta(seconds=40))
    assert far == Progress(120, 400, 3.0, True)
    assert (far.percent, far.seconds_left) == (30, 280 / 3)
    assert progress(Batch(total_steps=400), "gmail", NOW) is None
