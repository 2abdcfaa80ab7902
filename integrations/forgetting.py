"""Taking away what a disconnected account brought: each of its changes is taken back, then what is kept of it goes."""

from __future__ import annotations

from contacts.models import Suppression
from integrations import quota
from integrations.accounts import batches_of, sources_of
from integrations.models import GoogleAccount, OutboxMessage, Provenance, RawEvent, SyncStream
from jobs import batches
from jobs.models import Batch, PlanItem
from jobs.queue import GONE, Again, GiveUp, RetryLater, handles
from jobs.runner import JobContext
from jobs.undo import undo
from omnicrm.events import note

SOON = 2.0
"""Seconds after which one looks again whether what was at work has stopped."""


@handles("forget_account", queue="bulk")
def forget_account(context: JobContext) -> Again | None:
    """Stops what is at work, takes back one change in each chunk, newest first, and forgets the account at the end. One
    that was connected again stays."""
    rows = GoogleAccount.objects.for_user(context.user_id)
    account = rows.select_for_update().filter(pk=context.payload["account_id"]).first()
    if account is None:
        raise GiveUp("not_found", GONE)
    if account.is_connected:
        raise GiveUp("connected_again", "The account is connected again, so what it brought stays.")
    left = batches_of(account).exclude(state=Batch.State.UNDONE).order_by("-pk")
    if not context.checkpoint:
        for batch in left.exclude(state__in=Batch.UNDOABLE):
            batches.cancel(batch)
        return Again({"stopped": True})
    if (newest := left.first()) is None:
        forget(account)
        return None
    if newest.state not in Batch.UNDOABLE:
        raise RetryLater(SOON, "A change of this account is still at work.")
    undo(newest)
    context.progress(f"Took back “{newest}”")
    return Again(context.checkpoint)


def forget(account: GoogleAccount) -> None:
    """What is left of it: stubs, lines of plans, what keeps things away, letters that were sent, its streams and itself.
    Other letters stay their writer's, who can send them from another account."""
    user, sources = account.user_id, sources_of(account)
    PlanItem.objects.for_user(user).filter(batch__in=batches_of(account).values("pk")).delete()
    Suppression.objects.for_user(user).filter(source__in=sources, reason="undone").delete()
    raws = RawEvent.objects.for_user(user).filter(source__in=sources)
    Provenance.objects.for_user(user).filter(raw_event__in=raws.values("pk")).delete()
    raws.delete()
    OutboxMessage.objects.for_user(user).filter(account=account, state="confirmed").delete()
    SyncStream.objects.for_user(user).filter(account=account).delete()
    GoogleAccount.objects.for_user(user).filter(pk=account.pk).delete()
    quota.forget(account)
    note(user, "account.forgotten", on=account)
