"""Gmail, kept in step: lists everything once in a while, follows its history ever after, and fetches what it wants.

What is next: while listing, the next page; else mail that has just arrived, then what else is new, then old mail.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from integrations.google import gmail
from integrations.google.client import Google
from integrations.google.errors import SLOWER, STOPS, Failed, Failure, Kind
from integrations.google.gmail import Message
from integrations.models import RawEvent, SyncStream
from integrations.preferences import Preferences
from integrations.quota import Lane, batch_size
from integrations.streams import health, withdrawing, work
from integrations.streams.keeping import FETCH, STUB, VERIFY, Keeping
from integrations.streams.policy import Bucket, Policy, chosen, is_policy
from integrations.streams.steps import Follower, Position, Step, follow

EVERY = dt.timedelta(seconds=60)
A_WHILE = dt.timedelta(minutes=1)
"""After which one message is tried again with which Google had trouble while others came."""
Answered = Sequence[Message | Failure]


@dataclass(frozen=True)
class Expired:
    """Google no longer knows what changed since the cursor: everything is listed again, from this point on."""

    history_id: str


@dataclass(frozen=True)
class Restart:
    """The list can no longer be continued, and begins anew."""


STOPPED_WORKER = Failure(Kind.POISON, "stopped_worker", "Fetching it stopped our worker three times.")


# --- what is next


def next_step(stream: SyncStream, now: dt.datetime) -> Step | None:
    if stream.phase == SyncStream.Phase.LIST:
        return list_step(stream)
    if stream.listing.get("digest") != Preferences.of(stream.account).digest:
        return Step("labels", Position.of(stream), {"names": Preferences.of(stream.account).labels_out})
    return (
        fetch_step(stream, now, urgent=True)
        or history_step(stream, now)
        or fetch_step(stream, now, urgent=False)
    )


def list_step(stream: SyncStream) -> Step:
    nth, _, page = stream.page_token.partition(":")
    bucket = relisted(stream)[int(nth or 0)]
    asks = {"label": bucket.label, "query": stream.listing.get("query", ""), "page": page}
    return Step("list", Position.of(stream), asks, lane=Lane.PREVIEW)


def relisted(stream: SyncStream) -> list[Bucket]:
    """What is listed again: spam and the bin are not, for what is missed from the rest is looked at by itself."""
    return [bucket for bucket in Policy.read(stream.listing).buckets if not bucket.is_hidden]


def history_step(stream: SyncStream, now: dt.datetime) -> Step | None:
    is_due = stream.next_sync_at is None or stream.next_sync_at <= now
    if not (is_due or stream.page_token):
        return None
    return Step("history", Position.of(stream), {"since": stream.cursor, "page": stream.page_token})


def fetch_step(stream: SyncStream, now: dt.datetime, *, urgent: bool) -> Step | None:
    chosen_work = work.pick(stream, now, batch_size(stream.account), urgent=urgent)
    if not chosen_work:
        return None
    if work.is_worn_out(chosen_work):
        return Step("park", Position.of(stream), work=chosen_work)
    work.count_try(chosen_work)
    whole = chosen_work[0].op in work.WHOLE
    lane = Lane.DELTA if urgent else Lane.BACKFILL
    return Step("fetch", Position.of(stream), {"whole": whole}, chosen_work, lane)


# --- what Google says


def ask(step: Step, google: Google) -> Any:
    return ASK[step.what](step, google)


def ask_list(step: Step, google: Google) -> gmail.Page | Restart:
    labels = [step.asks["label"]] if step.asks["label"] else []
    try:
        return gmail.list_messages(google, query=step.asks["query"], labels=labels, page=step.asks["page"])
    except Failed as failed:
        if failed.failure.kind == Kind.RESYNC and step.asks["page"]:
            return Restart()
        raise


def ask_history(step: Step, google: Google) -> gmail.History | Expired:
    try:
        return gmail.list_history(google, step.asks["since"], page=step.asks["page"])
    except Failed as failed:
        if failed.failure.kind != Kind.RESYNC:
            raise
    return Expired(gmail.get_profile(google).history_id)


def ask_labels(step: Step, google: Google) -> dict[str, str]:
    named = step.asks["names"]
    return chosen(named, ((label.id, label.name) for label in gmail.list_labels(google))) if named else {}


def ask_messages(step: Step, google: Google) -> Answered:
    ids = [one.external_id for one in step.work]
    return gmail.get_raw(google, ids) if step.asks["whole"] else gmail.get_headers(google, ids)


ASK: dict[str, Callable[[Step, Google], Any]] = {
    "list": ask_list,
    "history": ask_history,
    "labels": ask_labels,
    "fetch": ask_messages,
    "park": lambda step, google: None,
}


# --- what follows from it


def apply(stream: SyncStream, step: Step, answer: Any, now: dt.datetime) -> Failure | None:
    if isinstance(answer, Expired):
        list_again(stream, answer)
        return None
    if isinstance(answer, Restart):
        save(stream, page_token="")
        return None
    return APPLY[step.what](stream, step, answer, now)


def save(stream: SyncStream, **values: Any) -> None:
    for name, value in values.items():
        setattr(stream, name, value)
    stream.save()


def list_again(stream: SyncStream, expired: Expired) -> None:
    """Everything is compared once more. The baseline was asked for before the first page of it."""
    save(
        stream,
        phase=SyncStream.Phase.LIST,
        generation=stream.generation + 1,
        baseline=expired.history_id,
        page_token="",
    )


def apply_list(stream: SyncStream, step: Step, page: gmail.Page, now: dt.datetime) -> None:
    buckets, (nth, _, _) = relisted(stream), stream.page_token.partition(":")
    place = int(nth or 0)
    keeping = Keeping(stream, [listed.id for listed in page.ids], now)
    for listed in page.ids:
        compare(keeping, listed, buckets[place].rule)
    keeping.finish()
    if page.next_page:
        save(stream, page_token=f"{place}:{page.next_page}")
    elif place + 1 < len(buckets):
        save(stream, page_token=f"{place + 1}:")
    else:
        look_for_the_missing(stream)
        save(stream, phase=SyncStream.Phase.LIVE, cursor=stream.baseline, page_token="", next_sync_at=now)


def compare(keeping: Keeping, listed: gmail.Listed, rule: str) -> None:
    """One line of a list, under a label that stays out or, without a rule, among all mail."""
    raw, known = keeping.raws.get(listed.id), keeping.work.get(listed.id)
    if raw is None:
        if rule:
            keeping.leave_out(listed.id, listed.thread_id, rule, [], "")
            if known and known.op == FETCH:
                known.op = STUB
        else:
            keeping.want(listed.id, listed.thread_id, keeping.how(), "")
        return
    was_left_out = raw.seen_generation == keeping.stream.generation and is_policy(raw.verdict)
    keeping.see(raw)
    if raw.remote == RawEvent.Remote.TRASH:
        keeping.want(listed.id, listed.thread_id, VERIFY, "")
    elif is_policy(raw.verdict) and rule:
        # Its other labels may have changed, too: what changes next is not to be reckoned from the old ones.
        raw.verdict, raw.version = f"skipped:{rule}", None
    elif is_policy(raw.verdict) and not was_left_out:
        keeping.want(listed.id, listed.thread_id, keeping.how(), "")


def look_for_the_missing(stream: SyncStream) -> None:
    """A list alone takes nothing away: what it does not show is asked about by itself."""
    rows = RawEvent.objects.for_user(stream.user_id).filter(
        Q(verdict__in=[RawEvent.KEPT, RawEvent.PENDING]) | Q(verdict__startswith="failed"),
        source=stream.source,
        remote=RawEvent.Remote.LIVE,
        seen_generation__lt=stream.generation,
    )
    work.verify(stream, dict(rows.values_list("external_id", "thread")))


def apply_history(stream: SyncStream, step: Step, history: gmail.History, now: dt.datetime) -> None:
    keeping = Keeping(stream, {change.id for change in history.changes}, now)
    for change in history.changes:
        keeping.heard(change)
    keeping.finish()
    if history.next_page:
        save(stream, page_token=history.next_page, last_progress_at=now)
    else:
        if stream.last_ok_at is None or stream.last_ok_at.date() < now.date():
            withdrawing.let_go(stream, now)
        health.looked(stream, now)
        save(stream, cursor=history.history_id, page_token="")


def apply_labels(stream: SyncStream, step: Step, labels: dict[str, str], now: dt.datetime) -> None:
    """From now on mail is left out as its owner wants it by now."""
    preferences = Preferences.of(stream.account)
    policy = Policy(labels, preferences.categories_out)
    save(stream, listing={**stream.listing, **policy.as_json(), "digest": preferences.digest})


def apply_messages(stream: SyncStream, step: Step, answers: Answered, now: dt.datetime) -> Failure | None:
    """What came is kept. What did not is told apart: gone, not to be read, or only not now."""
    keeping = Keeping(stream, [one.external_id for one in step.work], now)
    worst, came = None, any(isinstance(answer, Message) for answer in answers)
    for asked, answer in zip(step.work, answers, strict=True):
        known = keeping.work.get(asked.external_id)
        if known is None or known.pk != asked.pk:
            continue  # somebody else was faster, or it is not wanted any more
        if isinstance(answer, Message):
            keeping.fetched(known, answer)
        elif answer.kind == Kind.GONE:
            keeping.deleted(known.external_id, known.thread, batch=known.batch_id)
        elif answer.kind in SLOWER | STOPS | {Kind.TRANSIENT}:
            known.attempts = max(0, known.attempts - 1)
            is_alone = answer.kind == Kind.TRANSIENT and came
            known.not_before = now + A_WHILE if is_alone else None
            worst = worst if is_alone else worse(worst, answer)
        else:
            keeping.failed(known, answer)
    keeping.finish()
    save(stream, last_progress_at=now if came else stream.last_progress_at)
    return worst


def worse(one: Failure | None, other: Failure) -> Failure:
    """Of two failures the one that keeps us from asking for longer."""
    ranks = (Kind.TRANSIENT, Kind.THROTTLE_SHORT, Kind.THROTTLE, Kind.CONFIG, Kind.NO_SCOPE, Kind.REAUTH)
    ranked = [each for each in (one, other) if each is not None]
    return max(ranked, key=lambda each: (ranks.index(each.kind), each.retry_after or 0.0))


def apply_park(stream: SyncStream, step: Step, answer: None, now: dt.datetime) -> None:
    keeping = Keeping(stream, [one.external_id for one in step.work], now)
    for known in list(keeping.work.values()):
        keeping.failed(known, STOPPED_WORKER)
    keeping.finish()


APPLY: dict[str, Callable[[SyncStream, Step, Any, dt.datetime], Failure | None]] = {
    "list": apply_list,
    "history": apply_history,
    "labels": apply_labels,
    "fetch": apply_messages,
    "park": apply_park,
}

follow(SyncStream.Kind.GMAIL, Follower(EVERY, next_step, ask, apply))
