"""Stored series: written in one form, read again, and unrolled within a span at a bounded cost."""

from __future__ import annotations

import datetime as dt
import time
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts import recurrence_rules, recurrence_text, series
from contacts.models import CalendarEvent
from contacts.recurrence import Repeats

BERLIN = ZoneInfo("Europe/Berlin")
NINE = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def master(recurrence: str = "RRULE:FREQ=WEEKLY", **fields: object) -> CalendarEvent:
    given = {"ical_uid": "1", "recurring": True, "starts_at": NINE, "ends_at": NINE + HOUR}
    return CalendarEvent(user_id=uuid4(), recurrence=recurrence, **given | fields)


def starts(event: CalendarEvent, since: dt.datetime, days: int, *exceptions: str) -> list[str]:
    found = series.unroll([event], {"1": exceptions}, since, since + dt.timedelta(days=days))
    return sorted(one.start.isoformat() for one in found.occurrences)


def test_a_series_keeps_the_hours_of_its_place() -> None:
    """Ten in Berlin is nine in winter and eight in summer."""
    event = master(zone="Europe/Berlin")
    assert starts(event, NINE + dt.timedelta(days=20), 20) == [
        "2026-03-23T09:00:00+00:00",
        "2026-03-30T08:00:00+00:00",
        "2026-04-06T08:00:00+00:00",
    ]


def test_what_has_a_row_of_its_own_is_left_out() -> None:
    event = master("RRULE:FREQ=DAILY\nEXDATE:20260303T090000Z\nRDATE:20260304T150000Z/PT1800S")
    assert starts(event, NINE, 4, "2026-03-05T09:00:00+00:00") == [
        "2026-03-02T09:00:00+00:00",
        "2026-03-04T09:00:00+00:00",
        "2026-03-04T15:00:00+00:00",
    ]


def test_whole_days_stay_dates() -> None:
    event = master("RRULE:FREQ=DAILY;COUNT=3\nEXDATE:20260303", starts_at=None, ends_at=None)
    event.starts_on, event.ends_on = dt.date(2026, 3, 2), dt.date(2026, 3, 3)
    assert starts(event, NINE - dt.timedelta(days=2), 9) == ["2026-03-02", "2026-03-04"]


def test_nonsense_in_the_row_takes_place_once() -> None:
    for text in ("RRULE:FREQ=NEVER", "EXDATE:tomorrow", "RDATE:20260304T150000Z/PTxS", "RRULE"):
        assert starts(master(text), NINE - HOUR, 30, "rubbish") == ["2026-03-02T09:00:00+00:00"]


moments = st.datetimes(dt.datetime(1971, 1, 1), dt.datetime(2199, 1, 1)).map(
    lambda one: one.replace(microsecond=0, tzinfo=dt.UTC).astimezone(
        BERLIN
    )  # no hour that a change of clocks left out
)


@given(
    st.lists(moments | moments.map(dt.datetime.date), max_size=4),
    st.lists(moments | st.tuples(moments, st.integers(0, 90_000).map(lambda s: dt.timedelta(seconds=s))), max_size=4),
)  # fmt: skip
def test_what_is_written_is_read_again(cancelled: list[dt.datetime], added: list[dt.datetime]) -> None:
    text = " freq=WEEKLY; \n BYDAY=MO "
    repeats = Repeats("1", NINE, NINE + HOUR, [recurrence_rules.read(text)], added, cancelled)
    rules, more, left_out = recurrence_text.read(recurrence_text.written(repeats, [text]))
    assert (list(rules), list(more), list(left_out)) == (repeats.rules, added, cancelled)


def test_what_does_not_repeat_says_nothing() -> None:
    assert recurrence_text.written(Repeats("1", NINE, NINE), []) == ""


@pytest.mark.parametrize(
    ("recurrence", "after", "following"),
    [
        ("RRULE:FREQ=WEEKLY", NINE - HOUR, NINE),
        ("RRULE:FREQ=WEEKLY", NINE, NINE + dt.timedelta(days=7)),
        ("RRULE:FREQ=YEARLY", NINE, NINE + dt.timedelta(days=365)),
        ("RRULE:FREQ=YEARLY;INTERVAL=5", NINE, NINE.replace(year=2031)),
        ("RRULE:FREQ=YEARLY;INTERVAL=50", NINE, None),
        ("RRULE:FREQ=WEEKLY;COUNT=2", NINE + dt.timedelta(days=7), None),
        ("", NINE - HOUR, NINE),
        ("", NINE, None),
    ],
)
def test_when_it_is_next(recurrence: str, after: dt.datetime, following: dt.datetime | None) -> None:
    assert series.next_start(series.repeats_of(master(recurrence)), after) == following


@pytest.mark.parametrize(
    ("recurrence", "is_over"),
    [
        ("RRULE:FREQ=WEEKLY;UNTIL=20260401T000000Z", dt.datetime(2026, 4, 3, 1, tzinfo=dt.UTC)),
        ("RRULE:FREQ=WEEKLY;UNTIL=20260401", dt.datetime(2026, 4, 3, 1, tzinfo=dt.UTC)),
        ("RRULE:FREQ=WEEKLY;UNTIL=20250101", dt.datetime(2026, 3, 4, 10, tzinfo=dt.UTC)),
        ("RRULE:FREQ=WEEKLY", None),
        ("RRULE:FREQ=WEEKLY;COUNT=5", None),
        ("RRULE:FREQ=WEEKLY;UNTIL=20260401\nRDATE:20270101T090000Z", None),
        ("", None),
    ],
)
def test_when_it_has_surely_ended(recurrence: str, is_over: dt.datetime | None) -> None:
    assert series.until(series.repeats_of(master(recurrence))) == is_over


def test_a_strangers_rule_costs_no_more_than_it_may() -> None:
    """Ten thousand series that repeat every second: the page says which were not followed."""
    busy = [master("RRULE:FREQ=SECONDLY", ical_uid=str(n)) for n in range(10_000)]
    began = time.process_time()
    found = series.unroll(busy, {}, NINE, NINE + dt.timedelta(days=31))
    assert time.process_time() - began < 5
    assert len(found.occurrences) <= series.STEPS
    assert len(found.incomplete) == 10_000


def test_two_thousand_weekly_series_are_soon_unrolled() -> None:
    many = [master("RRULE:FREQ=WEEKLY", ical_uid=str(n), zone="Europe/Berlin") for n in range(2_000)]
    since = NINE + dt.timedelta(days=700)
    found = series.unroll(many, {}, since, since + dt.timedelta(days=7))
    assert (len(found.occurrences), found.incomplete) == (2_000, [])
