"""What importing a mailbox would bring, from lists alone: every id and why it stays out, and a look at a few letters.

Nothing but the plan is written. What binds are the ids; people, senders, cost and time are estimates, and say so.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from integrations.google import gmail, oauth
from integrations.google.client import Google
from integrations.google.errors import STOPS, Failed, Failure, Kind, pause
from integrations.models import SyncStream
from integrations.origins import stream_of
from integrations.plan import Refused, batch_of
from integrations.preferences import Preferences
from integrations.quota import Lane, batch_size
from integrations.streams import estimating, health
from integrations.streams import lines as plan_lines
from integrations.streams.beginning import begin_plan
from integrations.streams.opening import Account
from integrations.streams.policy import POLICY, Policy, chosen
from jobs.models import Batch, PlanItem
from jobs.queue import Again, GiveUp, RetryLater, handles
from jobs.runner import JobContext
from omnicrm.acting import acting_as
from omnicrm.models import User

IMPORT = "google_import"
NO_ACCOUNT = "The account that this plan is about is no longer connected here."


def start_preview(user: User, stream: SyncStream, *, include_suppressed: bool = False) -> Batch:
    """Plan the import of a mailbox, by a job. Raises Refused. In the caller's transaction."""
    account = stream.account
    if not account.is_connected or oauth.MAIL not in account.scopes:
        raise Refused(f"{account.email} does not let OmniCRM read its mail. Connect it, and allow that.")
    preferences = Preferences.of(account)
    since = preferences.since(timezone.now())
    return begin_plan(
        Batch(user=user, kind=IMPORT, title=f"Gmail of {account.email}"),
        stream,
        "google_preview",
        include_suppressed=include_suppressed,
        filter={"after": since.date().isoformat() if since else ""},
        preferences=preferences.digest,
        policy=POLICY,
    )


def query(options: dict[str, Any]) -> str:
    """The window, as one types it into Gmail's search: in seconds, since its days begin in California."""
    after = options["filter"]["after"]
    if not after:
        return ""
    return f"after:{int(dt.datetime.fromisoformat(after).replace(tzinfo=dt.UTC).timestamp())}"


# --- the job


@dataclass(frozen=True)
class Begun:
    profile: gmail.Profile
    labels: dict[str, str]


@dataclass(frozen=True)
class Looked:
    """What Google says of a few letters, by their ids."""

    ids: list[str]
    answers: list[gmail.Message | Failure]


Answer = Begun | gmail.Page | Looked | None


def look(context: JobContext) -> Answer:
    """What the next chunk needs to know."""
    with acting_as(context.user_id):
        batch = batch_of(context)
        stream = stream_of(batch)
        if stream is None:
            raise GiveUp("disconnected", NO_ACCOUNT)
        names = Preferences.of(stream.account).labels_out
        sample = (
            plan_lines.sample(batch, batch_size(stream.account)) if "sample" in context.checkpoint else []
        )
    if batch.state != Batch.State.PLANNING:
        return None
    context.check()
    try:
        with Account.of(stream.account, Lane.PREVIEW).opened() as google:
            if "page" in context.checkpoint:
                return page_of(google, batch, context.checkpoint)
            if "sample" in context.checkpoint:
                ids = [line.external_id for line in sample]
                return Looked(ids, gmail.get_headers(google, ids))
            return begun(google, names)
    except Failed as failed:
        raise refusal(context, stream, failed.failure) from failed


def begun(google: Google, names: tuple[str, ...]) -> Begun:
    """The history id first: whatever happens while we list is after it."""
    profile = gmail.get_profile(google)
    labels = gmail.list_labels(google) if names else []
    return Begun(profile, chosen(names, ((label.id, label.name) for label in labels)))


def page_of(google: Google, batch: Batch, checkpoint: dict[str, Any]) -> gmail.Page:
    bucket = Policy.read(batch.options["policy_of"]).buckets[checkpoint["bucket"]]
    return gmail.list_messages(
        google,
        query=query(batch.options),
        labels=[bucket.label] if bucket.label else [],
        page=checkpoint["page"],
        spam_and_trash=bucket.is_hidden,
    )


def refusal(context: JobContext, stream: SyncStream, failure: Failure) -> Exception:
    """Waiting helps against some failures; the others end the plan with a sentence."""
    if failure.kind in STOPS:
        with acting_as(context.user_id):
            health.fails(stream, failure, timezone.now())
    if failure.kind in STOPS or failure.kind == Kind.POISON:
        return GiveUp(failure.code, failure.sentence)
    return RetryLater(pause(failure, context.job.attempt), failure.sentence)


@handles("google_preview", queue="interactive", prepare=look)
def google_preview(context: JobContext) -> Again | None:
    """Write down one page of ids, or what a few letters say; at the end, decide what each line means."""
    batch = batch_of(context)
    if batch.state != Batch.State.PLANNING:
        return None
    at, answer = context.checkpoint, context.prepared
    if isinstance(answer, Begun):
        return begin(batch, answer)
    if isinstance(answer, gmail.Page):
        return write_page(context, batch, at, answer)
    if answer and answer.ids:
        plan_lines.say(batch, answer.ids, answer.answers)
        if at["sample"] + len(answer.ids) < plan_lines.SAMPLE:
            return Again({"sample": at["sample"] + len(answer.ids)})
    finish(batch)
    return None


def begin(batch: Batch, begun: Begun) -> Again:
    stream = stream_of(batch)
    assert stream is not None
    policy = Policy(begun.labels, Preferences.of(stream.account).categories_out)
    batch.options = {
        **batch.options,
        "baseline": begun.profile.history_id,
        "policy_of": policy.as_json(),
    }
    if batch.options.get("picked"):  # its lines are there already, and nothing is listed
        batch.save(update_fields=["options", "updated_at"])
        plan_lines.decide(batch)
        return Again({"sample": 0})
    batch.total_steps = begun.profile.messages
    batch.save(update_fields=["options", "total_steps", "updated_at"])
    return Again({"bucket": 0, "page": "", "seq": 0})


def write_page(context: JobContext, batch: Batch, at: dict[str, Any], page: gmail.Page) -> Again:
    buckets = Policy.read(batch.options["policy_of"]).buckets
    rule, seq = buckets[at["bucket"]].rule, at["seq"]
    lines = [
        PlanItem(
            user_id=batch.user_id,
            batch=batch,
            seq=seq + n,
            kind="email",
            external_id=listed.id,
            outcome="skip" if rule else "create",
            reason=rule,
            data={"thread": listed.thread_id},
        )
        for n, listed in enumerate(page.ids, start=1)
    ]
    PlanItem.unscoped.bulk_create(lines, batch_size=500)
    seq += len(lines)
    batch.done_steps = min(seq, batch.total_steps)
    batch.save(update_fields=["done_steps", "updated_at"])
    context.progress(f"Listed {seq:,} messages")
    if page.next_page:
        return Again({"bucket": at["bucket"], "page": page.next_page, "seq": seq})
    if at["bucket"] + 1 < len(buckets):
        return Again({"bucket": at["bucket"] + 1, "page": "", "seq": seq})
    plan_lines.decide(batch)
    return Again({"sample": 0})


def finish(batch: Batch) -> None:
    stream = stream_of(batch)
    assert stream is not None
    plan_lines.leave_out(batch)  # once more: some senders are known by now
    batch.totals = estimating.totals(batch, stream)
    batch.warnings = estimating.warnings(batch, stream)
    batch.plan_hash = plan_lines.plan_hash(batch)
    batch.state, batch.done_steps = Batch.State.PLANNED, batch.total_steps
    batch.save()
    if stream.phase == SyncStream.Phase.PREVIEW:
        stream.phase = SyncStream.Phase.AWAIT_APPROVAL
        stream.save(update_fields=["phase", "updated_at"])
