"""A user whose data goes through imports, changes by hand and undos, with what must hold after each of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from contacts import editing
from contacts.models import Contact, ContactIdentity, Note, Task
from integrations.approval import approve
from integrations.models import Provenance, RawEvent
from integrations.plan import discard
from jobs.batches import cancel
from jobs.foreground import work_until_settled
from jobs.models import Batch, BatchItem, PlanItem
from jobs.restore import NOT_STATE
from jobs.runner import run_one
from jobs.tracking import Tracked, tracked
from omnicrm.acting import acting_as, actor
from omnicrm.models import User
from omnicrm.personal import personal_fields, place
from tests.importing import plan, take_back
from tests.integrations.files import Written
from tests.integrations.honesty import check_honest

Key = tuple[str, str]


class Row(NamedTuple):
    """The columns of a row that undo promises to restore, and the batch that made it."""

    columns: dict[str, Any]
    batch: str | None


State = dict[Key, Row]
"""Every row of the state by model and id."""


def state_of(user: User) -> State:
    found: State = {}
    with acting_as(user.pk), connection.cursor() as cursor:
        for label, kind in tracked.items():
            left_out = [*NOT_STATE, *kind.derived]
            cursor.execute(
                f"SELECT id::text, to_jsonb(t) - %s::text[], to_jsonb(t)->>'batch_id' FROM {kind.table} t"
                " WHERE user_id = %s",
                [left_out, user.pk],
            )
            found |= {
                (label, pk): Row(readable(kind, UUID(pk), user, json.loads(columns)), batch)
                for pk, columns, batch in cursor.fetchall()
            }
    return found


def readable(kind: Tracked, pk: UUID, user: User, columns: dict[str, Any]) -> dict[str, Any]:
    """The columns of a row, those that are sealed opened."""
    for each in personal_fields(kind.model):
        where = place(kind.table, str(each.column), pk, user.pk)
        columns[str(each.column)] = each.anew(columns[str(each.column)], where, False)
    return columns


def contents(state: State) -> dict[Key, dict[str, Any]]:
    return {key: row.columns for key, row in state.items()}


@dataclass(eq=False)
class Import:
    batch: Batch
    before: State
    after: State
    standing: list[Import]
    """What had been done before, and not undone."""

    @property
    def stands(self) -> bool:
        return self.batch.state != Batch.State.UNDONE


_numbers = count(1)
EDITS: dict[str, Callable[[User, Contact], Any]] = {
    "rename": lambda user, c: revise(user, c, name=f"{c.display_name} II"),
    "title": lambda user, c: revise(user, c, job_title="Edited"),
    "company": lambda user, c: revise(user, c, company="Sample Navy"),
    "tag": lambda user, c: revise(user, c, tags=[*tags(c), "mine"]),
    "friend": lambda user, c: revise(user, c, tags=[*tags(c), "friends"]),
    "untag": lambda user, c: revise(user, c, tags=[]),
    "note": lambda user, c: editing.add_note(user, contact=c, text="By hand."),
    "edit note": lambda user, c: each(
        Note, c, lambda n: editing.edit_note(user, written=n, text="Rewritten.")
    ),
    "delete note": lambda user, c: each(Note, c, lambda n: editing.delete_note(user, written=n)),
    "task": lambda user, c: editing.add_task(user, contact=c, title="Call", due_on=None),
    "do task": lambda user, c: each(Task, c, lambda t: editing.set_task_done(user, task=t, done=True)),
    "delete task": lambda user, c: each(Task, c, lambda t: editing.delete_task(user, task=t)),
    "number": lambda user, c: editing.add_identity(
        user, contact=c, text=f"+1202555{next(_numbers) % 9000 + 1000}"
    ),
    "address": lambda user, c: claim(user, c, "g.hopper@example.net"),
    "drop address": lambda user, c: each(
        ContactIdentity, c, lambda i: editing.remove_identity(user, identity=i)
    ),
    "delete": lambda user, c: editing.delete_contacts(user, contacts=[c]),
}


def tags(contact: Contact) -> list[str]:
    return [link.tag.name for link in contact.contact_tags.select_related("tag")]


def revise(user: User, contact: Contact, **changed: Any) -> Any:
    now = {
        "name": contact.display_name,
        "company": contact.company.name if contact.company else "",
        "job_title": contact.job_title,
        "stage": contact.stage,
        "tags": tags(contact),
    }
    return editing.update_contact(user, contact=contact, **now | changed)


def each(model: Any, contact: Contact, change: Callable[[Any], Any]) -> Any:
    """The change, done to the first of the contact's rows of this model; nothing where there is none."""
    row = model.objects.for_user(contact.user_id).filter(contact=contact).order_by("created_at", "id").first()
    return change(row) if row else None


def claim(user: User, contact: Contact, text: str) -> Any:
    try:
        return editing.add_identity(user, contact=contact, text=text)
    except editing.AddressTaken:
        return None


def create_by_hand(user: User, name: str, address: str) -> Any:
    try:
        return editing.create_contact(user, name=name, addresses=[address] if address else [])
    except editing.AddressTaken:
        return None


@dataclass
class World:
    user: User
    folder: Path
    files: list[Written]
    imports: list[Import] = field(default_factory=list)
    edits: int = 0

    # --- what happens

    def do(self, step: tuple[Any, ...]) -> None:
        what, *rest = step
        match what:
            case "import":
                self.bring(*rest)
            case "cancel":
                self.bring_some(*rest)
            case "undo":
                self.undo(*rest)
            case "create":
                with acting_as(self.user.pk), actor("web"):
                    create_by_hand(self.user, *rest)
                self.edits += 1
            case _:
                self.edit(what, *rest)

    def plan(self, nth: int, include: bool) -> Batch:
        path = self.files[nth % len(self.files)].put(self.folder)
        return plan(self.user, path, include_suppressed=include)

    def bring(self, nth: int, include: bool = False) -> None:
        """Import a file, and see that what happened is what the plan said."""
        before = state_of(self.user)
        batch = self.plan(nth, include)
        assert state_of(self.user) == before
        with acting_as(self.user.pk):
            approve(batch, batch.plan_hash)
        batch = work_until_settled(batch)
        assert batch.state == Batch.State.DONE
        self.remember(batch, before)
        with acting_as(self.user.pk):
            check_honest(batch, contents(before), contents(self.imports[-1].after))

    def bring_some(self, nth: int, jobs: int) -> None:
        """Begin an import and cancel it after some of its jobs."""
        before = state_of(self.user)
        batch = self.plan(nth, False)
        with acting_as(self.user.pk):
            approve(batch, batch.plan_hash)
        for _ in range(jobs):
            run_one(None, "test", user=self.user)
        with acting_as(self.user.pk):
            cancel(Batch.objects.for_user(self.user).get(pk=batch.pk))
        batch = work_until_settled(batch)
        self.remember(batch, before)

    def remember(self, batch: Batch, before: State) -> None:
        self.imports.append(Import(batch, before, state_of(self.user), self.standing()))

    def standing(self) -> list[Import]:
        return [one for one in self.imports if one.stands]

    def edit(self, what: str, nth: int) -> None:
        with acting_as(self.user.pk), actor("web"):
            contacts = list(Contact.objects.for_user(self.user).order_by("display_name", "created_at", "id"))
            if not contacts:
                return
            before = state_of(self.user)
            done = EDITS[what](self.user, contacts[nth % len(contacts)])
            self.edits += 1
        if isinstance(done, Batch):
            self.remember(done, before)

    def undo(self, nth: int) -> None:
        standing = self.standing()
        if standing:
            self.take_back(standing[nth % len(standing)])

    def undo_all(self, order: Callable[[list[Import]], None]) -> None:
        standing = self.standing()
        order(standing)
        for one in standing:
            self.take_back(one)

    # --- what must hold

    def take_back(self, one: Import) -> None:
        before, last = state_of(self.user), self.is_last(one)
        one.batch = take_back(one.batch)
        assert one.batch.state == Batch.State.UNDONE, one.batch.error
        after = state_of(self.user)
        kept = one.batch.totals["undo"]["kept"]
        if last and contents(before) == contents(one.after):
            assert kept == []
            assert contents(after) == contents(one.before)
        self.check_others(one, before, after)
        check_kept(one, kept, before, after)
        self.check_vouched(after)
        check_whole(one, before, after)
        if one.batch.kind == "file_import":
            self.check_stays_away(one)

    def is_last(self, one: Import) -> bool:
        return [*one.standing, one] == self.standing()

    def check_others(self, one: Import, before: State, after: State) -> None:
        """Rows that this batch neither made nor changed are as they were, or went with what they hung on."""
        with acting_as(self.user.pk):
            items = BatchItem.objects.for_user(self.user).filter(batch=one.batch)
            changed = {(item.object_type, str(item.object_id)) for item in items}
        for key, row in before.items():
            if row.batch == str(one.batch.pk) or key in changed:
                continue
            if key not in after:
                assert key[0] == "contacts.participant", (key, row)
                assert ("contacts.interaction", row.columns["interaction_id"]) not in after
            else:
                assert after[key].columns == row.columns, key
        assert after.keys() - before.keys() <= changed

    def check_vouched(self, after: State) -> None:
        """What another import vouches for is there."""
        with acting_as(self.user.pk):
            links = Provenance.objects.for_user(self.user).values_list("interaction_id", "contact_id")
        assert {("contacts.interaction", str(i)) for i, _ in links if i} <= after.keys()
        assert {("contacts.contact", str(c)) for _, c in links if c} <= after.keys()

    def check_stays_away(self, one: Import) -> None:
        """A new plan of the same file leaves out what was taken back."""
        nth = next(n for n, file in enumerate(self.files) if file.name == one.batch.title)
        again = self.plan(nth, False)
        with acting_as(self.user.pk):
            source = one.batch.files.get().source
            gone = RawEvent.objects.for_user(self.user).filter(source=source, verdict="skipped:undone")
            lines = PlanItem.objects.for_user(self.user).filter(
                batch=again, external_id__in=gone.values("external_id")
            )
            assert not lines.filter(outcome__in=["create", "update"]).exists()
            assert discard(again)


PARTS = ("contacts.contactidentity", "contacts.contacttag", "contacts.note")


def check_whole(one: Import, before: State, after: State) -> None:
    """Somebody whom the batch made and who stays keeps their addresses, tags and notes."""
    stay = {
        pk
        for (label, pk), row in before.items()
        if label == "contacts.contact" and row.batch == str(one.batch.pk) and (label, pk) in after
    }
    for key, row in before.items():
        if key[0] in PARTS and row.columns["contact_id"] in stay:
            assert after[key].columns == row.columns


def check_kept(one: Import, kept: list[dict[str, str]], before: State, after: State) -> None:
    """The list of what stays is complete, and says nothing that is not so."""
    listed = {(row["what"], row["id"]) for row in kept}
    made = {key for key, row in before.items() if row.batch == str(one.batch.pk)}
    assert {key for key in made & after.keys() if key[0] != "contacts.ownaddress"} <= listed
    for row in kept:
        key = row["what"], row["id"]
        assert (key in after) == (row["why"] not in LOST), row
        assert row["label"] not in ("", row["id"]), row
        check_reason(row, after)


LOST = (
    "its place has been taken since",
    "what it was about is gone",
    "the import that brought it has been taken back",
)


def check_reason(row: dict[str, str], after: State) -> None:
    about = {
        "it has a note": "contacts.note",
        "it has a task": "contacts.task",
        "it has a tag of yours": "contacts.contacttag",
    }
    if label := about.get(row["why"]):
        assert any(key[0] == label and r.columns["contact_id"] == row["id"] for key, r in after.items()), row
