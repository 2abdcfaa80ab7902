"""The result of every kind of file equals its plan, row for row, for a user who has data already."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contacts import editing
from contacts.models import Contact, ContactIdentity, Interaction, Note, OwnAddress, Suppression
from integrations.approval import Stale, approve
from integrations.ledger import ledger, why
from jobs.batches import cancel
from jobs.models import Batch, PlanItem
from jobs.runner import run_one
from omnicrm.acting import acting_as, actor
from omnicrm.models import User
from tests.importing import carry_out, import_file, letter, mailbox, plan
from tests.integrations.honesty import check_honest
from tests.integrations.test_pipeline import CARDS, digests, rows
from tests.integrations.test_sources import CALENDAR
from tests.integrations.test_undo import write
from tests.integrations.world import contents, state_of

pytestmark = pytest.mark.django_db

ADA_CARD = "BEGIN:VCARD\nVERSION:3.0\nFN:Ada Lovelace\nEMAIL:{email}\n{more}END:VCARD\n"
TABLE = (
    "Name,Email,Company,Title,Tags,Shoe size\n"
    "Ada Lovelace,ada@example.com,Sample Navy,Countess,friends,38\n"
    "Charles Babbage,charles@example.com,Sample Navy,Inventor,,\n"
    "Nobody at all,,,,,\n"
)
FILES = {
    "mail.mbox": letter(1)
    + letter(2, sender="Charles Babbage <charles@example.com>", answers=1)
    + letter(2, sender="Charles Babbage <charles@example.com>", answers=1)
    + letter(3, headers="X-Gmail-Labels: Spam\n")
    + "From x@example.com Mon Jan  5 10:00:00 2026\n\n\n",
    "one.eml": letter(4, sender="Grace Hopper <grace@example.com>").partition("\n")[2],
    "calendar.ics": CALENDAR,
    "cards.vcf": CARDS + ADA_CARD.format(email="ada@example.com", more="TEL:+12025550199\nBDAY:1815-12-10\n"),
    "table.csv": TABLE,
}


@pytest.fixture
def known(alice: User, tmp_path: Path) -> Path:
    return knows(alice, tmp_path)


def knows(alice: User, tmp_path: Path) -> Path:
    """Alice knows Ada, from mail and by hand, and has deleted Grace."""
    import_file(alice, mailbox(tmp_path / "before.mbox", letter(1), letter(5)))
    with acting_as(alice.pk), actor("web"):
        ada = rows(alice, Contact).get()
        editing.update_contact(
            alice, contact=ada, name="Ada King", company="", job_title="", stage="", tags=["Friends"]
        )
        grace = editing.create_contact(alice, name="Grace", addresses=["grace@example.com"])
        editing.delete_contacts(alice, contacts=[grace])
    return tmp_path


@pytest.mark.parametrize("strict", [False, True], ids=["readable", "strict"])
@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file(alice: User, tmp_path: Path, settings: Any, name: str, strict: bool) -> None:
    settings.PII_STRICT = strict
    known = knows(alice, tmp_path)
    before, tables = state_of(alice), digests(alice)
    batch = plan(alice, write(known / name, FILES[name]))
    assert digests(alice) == tables
    batch = carry_out(batch)
    assert batch.state == Batch.State.DONE
    with acting_as(alice.pk):
        check_honest(batch, contents(before), contents(state_of(alice)))


NUMBERS = ("create", "update", "skip", "fail", "interactions", "events")


@pytest.mark.parametrize(
    ("name", "numbers", "reasons"),
    [
        ("mail.mbox", (1, 0, 3, 1, 1, 0), {"already_here": 1, "repeated": 1, "spam": 1, "unreadable": 1}),
        ("one.eml", (0, 0, 0, 0, 1, 0), {}),
        ("calendar.ics", (0, 0, 0, 0, 4, 3), {}),
        ("cards.vcf", (0, 1, 1, 0, 0, 0), {"deleted": 1}),
        ("table.csv", (2, 1, 0, 0, 0, 0), {}),
    ],
)
def test_what_the_plans_say(
    alice: User, known: Path, name: str, numbers: tuple[int, ...], reasons: dict[str, int]
) -> None:
    totals = plan(alice, write(known / name, FILES[name])).totals
    assert tuple(totals[key] for key in NUMBERS) == numbers
    assert totals["reasons"] == reasons


def adds(batch: Batch) -> list[tuple[str, list[str]]]:
    with acting_as(batch.user_id):
        lines = batch.items.filter(user_id=batch.user_id, outcome="update").order_by("seq")
        return [(line.data["name"], line.data["adds"]) for line in lines]


def test_an_update_says_what_it_adds(alice: User, known: Path) -> None:
    batch = plan(alice, write(known / "cards.vcf", FILES["cards.vcf"]))
    assert adds(batch) == [("Ada Lovelace", ["birthday", "primary phone", "identities"])]
    batch = plan(alice, write(known / "table.csv", TABLE))
    assert adds(batch) == [("Ada Lovelace", ["job title", "company", "custom"])]


def test_two_cards_about_one_person_we_know_are_one_line(alice: User, tmp_path: Path) -> None:
    with acting_as(alice.pk), actor("web"):
        editing.create_contact(alice, name="Ada", addresses=["ada@example.com", "ada@work.example"])
    cards = [
        ADA_CARD.format(email="ada@example.com", more="TITLE:Countess\nNOTE:One\n"),
        ADA_CARD.format(email="ada@work.example", more="NOTE:Two\n"),
    ]
    batch = plan(alice, write(tmp_path / "two.vcf", "".join(cards)))
    assert (batch.totals["update"], batch.totals["reasons"]) == (1, {"same_person": 1})
    done = carry_out(batch)
    assert done.totals["result"]["updated"] == 1
    with acting_as(alice.pk):
        assert rows(alice, Note).get().text == "One\n\nTwo"


def test_a_number_of_two_belongs_to_the_first(alice: User, tmp_path: Path) -> None:
    """The plan and the import agree on who gets it, whether they are new or known."""
    with acting_as(alice.pk), actor("web"):
        ada = editing.create_contact(alice, name="Ada", addresses=["ada@example.com"])
    shared = "TEL:+12025550199\n"
    cards = [
        ADA_CARD.format(email=email, more=shared)
        for email in ("charles@example.com", "ada@example.com", "grace@example.com")
    ]
    batch = plan(alice, write(tmp_path / "family.vcf", "".join(cards)))
    assert adds(batch) == [("Ada Lovelace", ["primary phone"])]
    carry_out(batch)
    with acting_as(alice.pk):
        number = rows(alice, ContactIdentity).get(value="+12025550199")
        assert number.contact.primary_email == "charles@example.com"
        assert rows(alice, Contact).get(pk=ada.pk).primary_phone == "+12025550199"


def test_somebody_deleted_is_not_made_again_by_a_card(alice: User, known: Path) -> None:
    for include in (False, True):
        batch = plan(alice, write(known / "cards.vcf", CARDS), include_suppressed=include)
        assert (batch.totals["create"], batch.totals["reasons"]) == (0, {"deleted": 1})


def test_what_is_ignored_stays_away_even_when_asked_for(alice: User, tmp_path: Path) -> None:
    with acting_as(alice.pk):
        Suppression(user=alice, scope="domain", key="example.com", reason=Suppression.IGNORED).save()
    archive = mailbox(tmp_path / "a.mbox", letter(1))
    for include in (False, True):
        batch = plan(alice, archive, include_suppressed=include)
        assert (batch.totals["interactions"], batch.totals["reasons"]) == (0, {"ignored": 1})


def by_hand(change: Callable[[User, Contact], Any]) -> Callable[[User, Path], Any]:
    def made(user: User, folder: Path) -> None:
        with acting_as(user.pk), actor("web"):
            change(user, rows(user, Contact).get(display_name="Ada King"))

    return made


CHANGES: dict[str, tuple[str, Callable[[User, Path], Any]]] = {
    "somebody new has the address": (
        "mail.mbox",
        by_hand(lambda user, _: editing.create_contact(user, name="C", addresses=["charles@example.com"])),
    ),
    "the address became one's own": (
        "mail.mbox",
        by_hand(lambda user, _: OwnAddress(user=user, value="charles@example.com").save()),
    ),
    "the sender is ignored": (
        "mail.mbox",
        by_hand(
            lambda user, _: Suppression(user=user, scope="domain", key="example.com", reason="ignored").save()
        ),
    ),
    "the person was deleted": (
        "table.csv",
        by_hand(lambda user, ada: editing.delete_contacts(user, contacts=[ada])),
    ),
    "the person was renamed": (
        "table.csv",
        by_hand(
            lambda user, ada: editing.update_contact(
                user, contact=ada, name="A", company="", job_title="", stage="", tags=["Friends"]
            )
        ),
    ),
    "the tag is there": (
        "tagged.vcf",
        by_hand(
            lambda user, ada: editing.update_contact(
                user,
                contact=ada,
                name="Ada King",
                company="",
                job_title="",
                stage="",
                tags=["Friends", "Poets"],
            )
        ),
    ),
    "the note is there": (
        "tagged.vcf",
        by_hand(lambda user, ada: editing.add_note(user, contact=ada, text="Poetry.")),
    ),
    "the number is another's": (
        "cards.vcf",
        by_hand(lambda user, _: editing.create_contact(user, name="C", addresses=["+12025550199"])),
    ),
    "the row was brought by another file": (
        "named.csv",
        lambda user, folder: import_file(user, write(folder / "x.csv", "Name,Email\nOnly a Name,\n\n")),
    ),
    "the message is gone": (
        "mail.mbox",
        by_hand(lambda user, _: rows(user, Interaction).filter(source_key="m1@example.com").delete()),
    ),
}
MORE = {
    "tagged.vcf": ADA_CARD.format(email="ada@example.com", more="CATEGORIES:Poets\nNOTE:Poetry.\n"),
    "named.csv": "Name,Email\nOnly a Name,\n",
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_plan_is_stale_once_it_is_not_true_any_more(alice: User, known: Path, what: str) -> None:
    name, change = CHANGES[what]
    batch = plan(alice, write(known / name, {**FILES, **MORE}[name]))
    change(alice, known)
    before = digests(alice)
    with acting_as(alice.pk), pytest.raises(Stale, match=r"Your data has changed .* Plan again\."):
        approve(batch, batch.plan_hash)
    assert digests(alice) == before


@pytest.mark.parametrize("name", [*FILES, *MORE])
def test_a_plan_that_still_holds_is_approved(alice: User, known: Path, name: str) -> None:
    batch = plan(alice, write(known / name, {**FILES, **MORE}[name]))
    with acting_as(alice.pk), actor("web"):
        editing.create_contact(alice, name="Somebody else", addresses=["else@example.com"])
    assert carry_out(batch).state == Batch.State.DONE


def test_why_something_is_not_here(alice: User, known: Path) -> None:
    import_file(alice, write(known / "mail.mbox", FILES["mail.mbox"]))
    plan(alice, write(known / "one.eml", FILES["one.eml"]))
    with acting_as(alice.pk):
        answers = {key: why(alice.pk, f"m{key}@example.com")[-1]["verdict"] for key in (1, 2, 3, 4)}
    assert answers == {
        1: "skipped:already_here",
        2: "skipped:repeated",
        3: "skipped:spam",
        4: "only planned",
    }


def test_a_cancelled_import_leaves_nothing_pending(alice: User, tmp_path: Path) -> None:
    path = mailbox(tmp_path / "a.mbox", *(letter(n) for n in range(1, 6)))
    batch = plan(alice, path)
    with acting_as(alice.pk):
        approve(batch, batch.plan_hash)
    run_one(None, "test", user=alice, kind="file_import")
    with acting_as(alice.pk):
        assert ledger(alice.pk)["pending"] == 5
        cancel(Batch.objects.for_user(alice).get(pk=batch.pk))
        assert why(alice.pk, "m3@example.com")[0]["verdict"] == "skipped:cancelled"
        assert ledger(alice.pk) == {
            "total": 5, "imported": 0, "skipped": {"cancelled": 5}, "failed": {}, "pending": 0, "balanced": True,
        }  # fmt: skip
    assert import_file(alice, path).totals["result"]["interactions"] == 5
    with acting_as(alice.pk):
        assert ledger(alice.pk)["imported"] == 10
        assert PlanItem.objects.for_user(alice).filter(outcome="create", kind="email").count() == 10
