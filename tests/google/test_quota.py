"""What may be asked when: in virtual time, on real rows, and by threads at once."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from integrations import breaking, quota
from integrations.google import gmail
from integrations.google.client import Google
from integrations.google.errors import TOO_LARGE, Failure, Kind
from integrations.models import GoogleAccount, QuotaBucket
from integrations.quota import Gate, Lane, Wait, heard, take
from omnicrm.acting import acting_as
from tests.google.asking import GRANT, PROFILE
from tests.google.scripted import Script, refused

NOW = dt.datetime(2026, 6, 1, 12, 0, tzinfo=dt.UTC)
UNWELL = Failure(Kind.TRANSIENT, "unwell", "Unwell.")
SLOW = Failure(Kind.THROTTLE, "rate_limited", "Slow.", 900.0)
CROWDED = Failure(Kind.THROTTLE_SHORT, "too_many_at_once", "Crowded.")
ADA, GRACE = uuid4(), uuid4()

pytestmark = pytest.mark.django_db


def later(seconds: float) -> dt.datetime:
    return NOW + dt.timedelta(seconds=seconds)


def asked(units: float, lane: Lane = Lane.DELTA, at: float = 0, who: UUID = ADA, **more: Any) -> float:
    return take(who, "gmail", units, lane, now=later(at), **more)


def told(*failures: Failure | None, at: float = 0, who: UUID = ADA, **more: Any) -> None:
    heard(who, "gmail", failures, now=later(at), **more)


def row(who: UUID = ADA, api: str = "gmail") -> QuotaBucket:
    return QuotaBucket.objects.get(name=f"{api}:{who}")


# --- one bucket


def test_a_bucket_of_ten_seconds_that_fills_again() -> None:
    """6,000 units a minute, of which 80 % are used, are 80 in a second."""
    assert asked(800) == 0
    assert asked(20) == pytest.approx(0.25)
    assert asked(20, at=0.2) == pytest.approx(0.05)
    assert asked(20, at=0.25) == 0
    assert asked(800, at=60) == 0
    assert asked(1, at=60) == pytest.approx(1 / 80)


def test_what_is_refused_is_not_counted() -> None:
    asked(800)
    for _ in range(50):
        assert asked(80) == pytest.approx(1.0)
    assert asked(80, at=1) == 0


def test_what_is_larger_than_the_bucket_leaves_a_debt() -> None:
    assert asked(1000) == 0
    assert asked(20) == pytest.approx(2.75)
    assert asked(1000, at=5) == pytest.approx(7.5)


def test_a_clock_that_runs_behind_gives_nothing_back() -> None:
    asked(800)
    assert asked(80, at=-100) == pytest.approx(1.0)
    assert asked(80, at=1) == 0


def test_what_is_urgent_goes_first() -> None:
    """Old mail leaves 30 % of the bucket, a preview 20 %, and what arrives now leaves nothing."""
    assert asked(560, Lane.BACKFILL) == 0
    assert asked(20, Lane.BACKFILL) == pytest.approx(0.25)
    assert asked(80, Lane.PREVIEW) == 0
    assert asked(20, Lane.PREVIEW) == pytest.approx(0.25)
    assert asked(160, Lane.DELTA) == 0
    assert asked(20, Lane.DELTA) == pytest.approx(0.25)


def test_calendar_has_a_bucket_of_its_own() -> None:
    assert asked(800) == 0
    assert take(ADA, "calendar", 80, Lane.DELTA, now=NOW) == 0
    assert take(ADA, "calendar", 1, Lane.DELTA, now=NOW) == pytest.approx(1 / 8)
    assert take(GRACE, "calendar", 80, Lane.DELTA, now=NOW) == 0


def test_limits_and_prices_are_settings(settings: Any) -> None:
    settings.GOOGLE_USER_UNITS, settings.GOOGLE_QUOTA_SHARE = 15_000, 100
    settings.GOOGLE_PRICES = {**settings.GOOGLE_PRICES, "messages.get": 5}
    assert quota.price("messages.get", 25) == 125
    assert asked(2500) == 0
    assert asked(125) == pytest.approx(0.5)
    assert (quota.price("events.list"), quota.api_of("events.list"), quota.api_of("stop")) == (
        1,
        "calendar",
        "gmail",
    )


@pytest.mark.parametrize("batch", [10, 25])
def test_two_thousand_messages(batch: int) -> None:
    """At 6,000 units a minute, without ever having more than that in any minute."""
    moment, left, log = 0.0, 2000, []
    while left:
        if wait := asked(20 * batch, Lane.BACKFILL, at=moment):
            moment += wait
            continue
        left -= batch
        log.append(moment)
    assert 480 < moment < 510  # eight and a half minutes
    per_minute = [sum(20 * batch for at in log if start <= at < start + 60) for start in log]
    assert max(per_minute) <= 6000


def test_nothing_is_asked_about_within_a_transaction(transactional_db: None) -> None:
    with acting_as(uuid4()), pytest.raises(RuntimeError, match="durable"):
        asked(1)


# --- several at once


@pytest.fixture
def committed(transactional_db: None) -> Iterator[None]:
    yield
    QuotaBucket.objects.all().delete()


def at_once(count: int, work: Any) -> None:
    def run(number: int) -> None:
        try:
            work(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_eight_at_once_get_no_more_than_there_is(committed: None) -> None:
    granted: list[float] = []

    def work(number: int) -> None:
        for step in range(25):
            if not asked(20, at=step / 25):
                granted.append(20)

    at_once(8, work)
    assert sum(granted) == 860  # 800 and what came in by the last step, 0.96 s, in whole calls
    assert row().units == pytest.approx(800 + 80 * 0.96 - 860)


def test_the_first_calls_of_an_account_may_be_several(committed: None) -> None:
    """Whether the project was asked for before or not: nobody waits for whoever waits for them."""
    for _ in range(10):
        one, other = uuid4(), uuid4()
        at_once(8, lambda number, two=(one, other): asked(10, who=two[number % 2]))
        assert (row(one).units, row(other).units) == (760, 760)


@pytest.mark.parametrize(("ones", "others"), [(500, 500), (500, 20), (20, 500), (200, 40)])
def test_two_accounts_share_the_project_fairly(settings: Any, ones: int, others: int) -> None:
    """To a request or two, however much each asks for at a time, and however soon again."""
    settings.GOOGLE_PROJECT_UNITS = 6000
    had = {ADA: 0.0, GRACE: 0.0}
    due = {ADA: 0.0, GRACE: 0.0}
    while (moment := min(due.values())) < 150:
        who = min(due, key=due.__getitem__)
        cost = ones if who == ADA else others
        wait = asked(cost, Lane.BACKFILL, at=moment, who=who)
        had[who] += 0 if wait else cost
        due[who] = moment + max(wait, 0.05 if who == ADA else 0.2)
    assert sum(had.values()) == pytest.approx(800 + 150 * 80, abs=800)
    assert abs(had[ADA] - had[GRACE]) <= 2 * max(ones, others)


def test_who_had_what_is_not_forgotten_while_somebody_waits(settings: Any) -> None:
    """Even if they come so late to their turn that the bucket is full again."""
    settings.GOOGLE_PROJECT_UNITS = 6000
    asked(800)
    assert asked(700, at=1, who=GRACE) == 7.75
    assert asked(200, at=10.5) == 0.0
    assert asked(200, at=10.5) == 2.5, "what fills it again, for those who had nothing"
    assert asked(700, at=10.6, who=GRACE) == pytest.approx((700 - 608) / 80)


def test_one_account_alone_has_all_of_it(settings: Any) -> None:
    settings.GOOGLE_PROJECT_UNITS = 3000
    moment, had = 0.0, 0.0
    while moment < 300:
        wait = asked(200, at=moment)
        had += 0 if wait else 200
        moment += max(0.01, wait)
    assert had == pytest.approx(400 + 300 * 40, abs=200)


# --- Google pushes back


def test_a_pause_is_kept_by_everything_of_the_account() -> None:
    told(SLOW)
    assert asked(1, at=899) == pytest.approx(1.0)
    assert take(ADA, "calendar", 1, Lane.DELTA, now=later(899)) == pytest.approx(1.0)
    account = GoogleAccount(pk=ADA)
    assert quota.seconds_to_wait(account, now=later(300)) == pytest.approx(600)
    assert asked(1, who=GRACE) == 0
    assert asked(1, at=900) == 0
    assert quota.seconds_to_wait(account, now=later(900)) == 0
    assert quota.seconds_to_wait(GoogleAccount(pk=uuid4()), now=NOW) == 0


def test_a_pause_is_never_shortened() -> None:
    told(SLOW)
    told(CROWDED, at=1)
    assert asked(1, at=600) == pytest.approx(300)


def test_pauses_grow_where_google_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota, "pause", lambda failure, streak: 2.0**streak)
    waits = []
    for _ in range(3):
        told(Failure(Kind.THROTTLE, "rate_limited", "Slow."), at=100 * len(waits))
        waits.append(asked(1, at=100 * len(waits)))
    assert waits == [2, 4, 8]
    told(None, at=300)
    told(SLOW, at=400)
    assert asked(1, at=400) == 2


def test_the_longest_of_several_pauses_counts() -> None:
    told(None, CROWDED, SLOW, CROWDED)
    assert asked(1) == 900


def test_batches_shrink_and_grow_again() -> None:
    account = GoogleAccount(pk=ADA)
    sizes = [quota.batch_size(account)]
    told(CROWDED)
    sizes.append(quota.batch_size(account))
    told(SLOW)
    sizes.append(quota.batch_size(account))
    for minute in range(1, 40):
        for second in (10, 35, 60):
            told(None, at=1000 + 60 * minute + second)
        sizes.append(quota.batch_size(account))
    assert sizes[:5] == [10, 5, 5, 6, 7]
    assert (sizes[22], sizes[23], sizes[-1]) == (25, 25, 25)
    told(*[None] * 18, *[CROWDED] * 7, at=9000)
    assert quota.batch_size(account) == 12
    assert quota.batch_size(GoogleAccount(pk=GRACE)) == 10


def test_batches_shrink_where_their_answer_is_too_large() -> None:
    account = GoogleAccount(pk=ADA)
    told(*[TOO_LARGE] * 10)
    assert (quota.batch_size(account), asked(1)) == (5, 0)
    told(TOO_LARGE)
    assert quota.batch_size(account) == 5


def test_what_is_merely_gone_or_broken_is_no_push_back() -> None:
    told(None, Failure(Kind.GONE, "gone", "Gone."), Failure(Kind.POISON, "refused", "No."))
    assert (quota.batch_size(GoogleAccount(pk=ADA)), asked(1)) == (10, 0)


def test_one_batch_of_an_account_is_under_way() -> None:
    assert asked(200, batch="one") == 0
    assert asked(200, batch="two") == 1.0
    assert asked(2) == 0
    assert asked(200, batch="two", who=GRACE) == 0
    told(None, batch="two")
    assert asked(200, batch="two", at=5) == 1.0
    told(None, batch="one")
    assert asked(200, batch="two", at=5) == 0


def test_a_batch_whose_process_died_ends_in_time() -> None:
    asked(200, batch="one")
    assert asked(200, batch="two", at=74) == 1.0
    assert asked(200, batch="two", at=76) == 0


# --- the breaker


def test_it_opens_when_half_of_the_calls_fail_and_lets_one_through() -> None:
    for failure in (None, None, UNWELL):
        told(failure)
    assert asked(1) == 0
    told(UNWELL)
    assert asked(1, at=1) == 29
    assert asked(1, at=29.5) == 0.5
    assert asked(1, at=30) == 0
    assert asked(1, at=30) == breaking.NEXT_LOOK
    told(UNWELL, at=40)
    assert asked(1, at=41) == 29
    assert asked(1, at=70) == 0
    told(None, at=71)
    assert [asked(1, at=71) for _ in range(3)] == [0, 0, 0]


def test_fewer_than_half_or_too_few_do_not_open_it() -> None:
    for _ in range(3):
        told(UNWELL)
    assert asked(1) == 0
    for _ in range(40):
        told(None, who=GRACE)
        told(None, who=GRACE)
        told(UNWELL, who=GRACE)
    assert asked(1, who=GRACE) == 0


def test_what_it_remembers_fades() -> None:
    for _ in range(60):
        told(None)
    for _ in range(20):
        told(UNWELL)
    assert asked(1) == breaking.REST.total_seconds()


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind != Kind.TRANSIENT])
def test_only_trouble_of_googles_opens_it(kind: Kind) -> None:
    for _ in range(9):
        told(Failure(kind, "x", "X."), at=-10_000)
    assert asked(1, at=10_000) == 0
    assert row().opened_at is None


def test_a_probe_whose_process_died_is_made_again() -> None:
    for _ in range(4):
        told(UNWELL)
    assert asked(1, at=30) == 0
    assert asked(1, at=104) == breaking.NEXT_LOOK
    assert asked(1, at=106) == 0


def test_a_batch_counts_once_and_fails_when_half_of_it_does() -> None:
    for _ in range(4):
        told(*[None] * 6, *[UNWELL] * 4)
    assert asked(1) == 0
    for _ in range(4):
        told(*[None] * 5, *[UNWELL] * 5)
    assert asked(1) == breaking.REST.total_seconds()


def test_everybody_waits_only_when_several_fail() -> None:
    others = [uuid4() for _ in range(3)]
    for _ in range(4):
        told(UNWELL)
    assert asked(1, who=others[0]) == 0
    told(UNWELL, who=GRACE)
    assert asked(1, who=others[0]) == 30
    assert asked(1, who=others[0], at=30) == 0
    assert asked(1, who=others[1], at=30) == breaking.NEXT_LOOK
    told(None, who=others[0], at=31)
    assert asked(1, who=others[1], at=31) == 0


# --- before every call


def test_a_gate_counts_and_hears(script: Script) -> None:
    account = GoogleAccount(pk=uuid4())
    google = Google(GRANT, gate=Gate(account, Lane.BACKFILL, clock=lambda: NOW), clock=lambda: NOW)
    script.says(PROFILE)
    gmail.get_profile(google)
    assert row(account.pk).units == 799
    script.says(refused(429, "rateLimitExceeded", "Retry after 2026-06-01T12:15:00.000Z"))
    failed = gmail.get_raw(google, [str(number) for number in range(10)])
    assert [one.code for one in failed if isinstance(one, Failure)] == ["rate_limited"] * 10
    assert (row(account.pk).units, row(account.pk).batch_size) == (599, 5)
    for call in (gmail.get_profile, lambda g: gmail.get_raw(g, ["1"])):
        with pytest.raises(Wait) as wait:
            call(google)
        assert wait.value.after == 905
    assert len(script.asked) == 2


def test_an_account_that_is_gone_is_forgotten() -> None:
    asked(1)
    asked(1, who=GRACE)
    quota.forget(GoogleAccount(pk=ADA))
    assert sorted(QuotaBucket.objects.values_list("name", flat=True)) == [f"gmail:{GRACE}", "gmail:project"]
