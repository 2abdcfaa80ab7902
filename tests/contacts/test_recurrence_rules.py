"""Repetition rules: what they name, told by another implementation and by hand."""

from __future__ import annotations

import datetime as dt
from itertools import islice, takewhile

import pytest
from dateutil.rrule import rrulestr  # type: ignore[import-untyped]
from hypothesis import assume, given
from hypothesis import strategies as st

from contacts import recurrence_rules as rules

WEEKDAYS = st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"])
NTH = st.sampled_from(["", "", "1", "2", "+3", "5", "-1", "-2"])


def listed(name: str, numbers: st.SearchStrategy[int]) -> st.SearchStrategy[str]:
    several = st.lists(numbers, min_size=1, max_size=3)
    return st.just("") | several.map(lambda values: f";{name}=" + ",".join(map(str, values)))


@st.composite
def texts(draw: st.DrawFn) -> str:
    frequency = draw(st.sampled_from(["YEARLY", "MONTHLY", "WEEKLY", "DAILY"]))
    counted = frequency in ("YEARLY", "MONTHLY") and draw(st.booleans())
    days = st.lists(
        st.builds("".join, st.tuples(NTH.filter(bool) if counted else st.just(""), WEEKDAYS)), max_size=3
    )
    by_day = ",".join(draw(days))
    text = f"FREQ={frequency};INTERVAL={draw(st.integers(1, 5))};WKST={draw(WEEKDAYS)}"
    text += f";BYDAY={by_day}" if by_day else ""
    text += draw(listed("BYMONTH", st.integers(1, 12)))
    if not counted:  # together, one reads the counted days by the month and the other by the year
        text += draw(listed("BYMONTHDAY", st.integers(1, 31) | st.integers(-31, -1)))
    text += draw(listed("BYYEARDAY", st.integers(1, 366) | st.integers(-366, -1)))
    text += draw(listed("BYWEEKNO", st.integers(1, 53))) if frequency == "YEARLY" else ""
    text += draw(listed("BYHOUR", st.integers(0, 23))) + draw(listed("BYMINUTE", st.integers(0, 59)))
    # Of the first week, one counts positions from its beginning and the other from the start of the rule; and what
    # the other takes to be in a week of a number is not always in it (`told_alike`).
    by_position = frequency != "WEEKLY" and "BYWEEKNO" not in text
    return text + (draw(listed("BYSETPOS", st.sampled_from([1, 2, -1]))) if by_position else "")


def named(text: str, first: dt.datetime, since: dt.datetime, days: int) -> list[dt.datetime]:
    before = since + dt.timedelta(days=days)
    walk = takewhile(lambda period: period[0] < before, rules.periods(rules.read(text), first, since))
    return [moment for _, moments in walk for moment in moments if since <= moment < before]


def told_alike(text: str, moment: dt.datetime) -> bool:
    """To the days before a year's first week the other one gives the number 53 where it is 52."""
    return "BYWEEKNO" not in text or (moment.month, moment.day) > (1, 3)


@given(texts(), st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2030, 1, 1)), st.integers(0, 3000))
def test_rules_agree_with_another_implementation(text: str, first: dt.datetime, days: int) -> None:
    first = first.replace(microsecond=0, fold=0)
    assume(named(text, first, first, 3000))  # the other one looks for what never happens until the year 9999
    since = first + dt.timedelta(days=days)
    before = since + dt.timedelta(days=800)
    others = rrulestr(f"{text};UNTIL={before:%Y%m%dT%H%M%S}", dtstart=first)
    ours = [moment for moment in named(text, first, since, 800) if told_alike(text, moment)]
    assert ours == [one for one in others if since <= one < before and told_alike(text, one)]


def test_the_last_week_of_a_year_ends_in_the_next() -> None:
    """Weeks begin on Thursdays here; the first of 2001 is that of 4 January, the 52nd that of 27 December."""
    found = named("FREQ=YEARLY;WKST=TH;BYWEEKNO=52", dt.datetime(2001, 1, 1), dt.datetime(2001, 1, 1), 400)
    assert [f"{day:%m-%d}" for day in found] == [
        "12-27",
        "12-28",
        "12-29",
        "12-30",
        "12-31",
        "01-01",
        "01-02",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FREQ=HOURLY;INTERVAL=5", ["01T09:30", "01T14:30", "01T19:30", "02T00:30"]),
        ("FREQ=HOURLY;BYHOUR=9;BYMINUTE=0,30", ["01T09:30", "02T09:00", "02T09:30", "03T09:00"]),
        ("FREQ=HOURLY;INTERVAL=48;BYDAY=FR", ["03T09:30", "17T09:30", "31T09:30"]),
        ("FREQ=MINUTELY;INTERVAL=90;BYDAY=WE,TH", ["01T09:30", "01T11:00", "01T12:30", "01T14:00"]),
        ("FREQ=MINUTELY;BYHOUR=3", ["02T03:00", "02T03:01", "02T03:02", "02T03:03"]),
        ("FREQ=SECONDLY;INTERVAL=40;BYSECOND=0", ["01T09:30", "01T09:32", "01T09:34", "01T09:36"]),
        ("FREQ=HOURLY;BYMINUTE=0,20,40;BYSETPOS=-1", ["01T09:40", "01T10:40", "01T11:40", "01T12:40"]),
        ("FREQ=WEEKLY;BYDAY=MO,WE;BYSETPOS=1", ["06T09:30", "13T09:30", "20T09:30", "27T09:30"]),
        ("FREQ=MONTHLY;BYDAY=MO,1TU", ["06T09:30", "07T09:30", "13T09:30", "20T09:30"]),
        ("freq=daily; interval=3;;\n", ["01T09:30", "04T09:30", "07T09:30", "10T09:30"]),
        ("FREQ=DAILY;BYMONTH=2", []),
    ],
)
def test_what_a_rule_names(text: str, expected: list[str]) -> None:
    """From Wednesday, 1 May 2024, 9:30, on; the first four on the full minute in that month."""
    first, end = dt.datetime(2024, 5, 1, 9, 30), dt.datetime(2024, 6, 1)
    walk = takewhile(lambda period: period[0] < end, rules.periods(rules.read(text), first, first))
    found = (moment for _, moments in walk for moment in moments if moment >= first and moment.second == 0)
    assert [f"{moment:%dT%H:%M}" for moment in islice(found, 4)] == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "parts that are not known"),
        ("FREQ=FORTNIGHTLY", "parts that are not known"),
        ("FREQ=DAILY;RSCALE=CHINESE", "parts that are not known"),
        ("FREQ=DAILY;COUNT=ten", "“TEN” where a number belongs"),
        ("FREQ=DAILY;INTERVAL=0", "“0” where a number belongs"),
        ("FREQ=DAILY;INTERVAL=99999999999", "“99999999999” where a number belongs"),
        ("FREQ=YEARLY;BYMONTH=13", "“13” where a number belongs"),
        ("FREQ=WEEKLY;BYDAY=XX", "“XX” where a day of the week belongs"),
        ("FREQ=DAILY;UNTIL=soon", "“SOON” where a date belongs"),
        ("FREQ=DAILY;UNTIL=20230229", "day is out of range for month"),
        ("FREQ=DAILY;" * 100_000, "is too long"),
    ],
)
def test_rules_that_cannot_be_followed_say_why(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        rules.read(text)


def test_a_count_below_nothing_counts_nothing() -> None:
    assert (rules.read("FREQ=DAILY;COUNT=-1").count, rules.read("FREQ=DAILY;COUNT=0").count) == (None, 0)
