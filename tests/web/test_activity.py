"""The page that says what was done, and by whom."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from contacts import editing
from omnicrm.acting import acting_as, actor
from omnicrm.models import Event, EventCheck, User
from omnicrm.wording import WHO, WORDS
from tests.commands.contract import run
from tests.factories import make_contact, make_event, make_job, make_operator
from tests.importing import import_file, letter, mailbox, take_back

APPS = ("omnicrm", "contacts", "integrations", "jobs", "ai")


def actions_in_the_code() -> set[str]:
    """The names in calls of `note` and its like; those put together at run time stand in the test."""
    calls = [
        node
        for app in APPS
        for path in Path(settings.BASE_DIR, app).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", getattr(node.func, "attr", ""))
        in ("note", "note_all", "note_for_everybody", "make_event", "looked")
    ]
    words = [node for call in calls for argument in call.args for node in ast.walk(argument)]
    words += [node for call in calls for given in call.keywords for node in ast.walk(given.value)]
    return {
        w.value
        for w in words
        if isinstance(w, ast.Constant) and re.fullmatch(r"[a-z]+\.[a-z_]+", str(w.value))
    }


def test_every_action_has_words() -> None:
    put_together = {f"batch.{state}" for state in ("done", "failed", "cancelled")}
    put_together |= {f"{row}.deleted" for row in ("contact", "note", "task")}
    assert actions_in_the_code() | put_together == set(WORDS)
    assert set(WHO) == set(Event.Actor)


def lines(browser: Client, query: str = "") -> list[str]:
    page = browser.get(f"/activity/{query}").text
    said = re.findall(r'<div class="grow">(.*?)</div>\s*</div>', page, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", " ", line).split()).replace(" , ", ", ") for line in said]


@pytest.mark.django_db(transaction=True)
def test_what_was_done(client: Client, alice: User, tmp_path: Path) -> None:
    assert "Nothing has been done yet" in client.get("/activity/").text
    batch = import_file(alice, mailbox(tmp_path / "a.mbox", letter(1), letter(2)))
    with acting_as(alice.pk), actor("web"):
        contact = editing.create_contact(alice, name="Grace Hopper")
        editing.add_note(alice, contact=contact, text="Met at the harbour.")
    take_back(batch)
    said = lines(client)
    assert said[0].startswith("A change was taken back A job · a.mbox")
    assert "A note was added: Grace Hopper You, in the browser" in said
    assert "A person was added: Ada Lovelace A job · a.mbox" not in said  # Ada went with the import
    assert any(line.startswith("E-mails and meetings were added (2)") for line in said)
    assert "harbour" not in client.get("/activity/").text


@pytest.mark.django_db(transaction=True)
def test_it_says_whether_the_record_is_whole_and_since_when(client: Client, alice: User) -> None:
    make_event(alice)
    assert "it has not been yet" in client.get("/activity/").text
    assert "The record was checked, and is whole." in client.post("/activity/", follow=True).text
    assert (
        "The record is whole: 1 entry, each in its place and unchanged. Last checked: "
        in client.get("/activity/").text
    )
    with acting_as(alice.pk):
        EventCheck.objects.for_user(alice).update(events=2)
    assert client.post("/activity/").status_code == 302
    page = client.get("/activity/").text
    assert "Somebody has tampered with this record." in page
    assert "The chain had 2 events when it was checked on" in page


@pytest.mark.django_db
def test_what_is_the_same_in_a_row_is_one_line(client: Client, alice: User) -> None:
    people = [make_contact(alice, display_name=f"Person {n}") for n in range(7)]
    for contact in people:
        make_event(alice, object_type="contacts.contact", object_id=contact.pk, actor="worker")
    make_event(
        alice,
        object_type="contacts.contact",
        object_id=people[0].pk,
        action="contact.edited",
        data={"columns": ["job_title"]},
    )
    assert lines(client) == [
        "A person was edited: Person 0 You, in the browser · job title",
        "A person was added (7): Person 6, Person 5, Person 4, Person 3, Person 2 and 2 others A job",
    ]
    assert lines(client, "?who=web") == ["A person was edited: Person 0 You, in the browser · job title"]
    assert lines(client, "?what=notes") == []
    assert "Nothing of this kind" in client.get("/activity/?what=notes").text
    assert len(lines(client, "?who=nobody&what=nothing&before=never")) == 2


@pytest.mark.django_db
def test_pages_go_on_where_the_last_one_ended(client: Client, alice: User) -> None:
    for n in range(120):
        make_event(alice, action=("note.added", "task.added")[n % 2])
    seen, query = [], ""
    while True:
        page = client.get(f"/activity/{query}").text
        seen += lines(client, query)
        found = re.search(r'href="(\?before=[^"]*)" rel="next"', page)
        if not found:
            break
        query = found[1].replace("&amp;", "&")
    assert seen == ["A task was added You, in the browser", "A note was added You, in the browser"] * 60


@pytest.mark.django_db(transaction=True)
def test_an_operator_who_looks_is_written_down(client: Client, alice: User, charlie: User) -> None:
    operator = make_operator("Olga", email="ops@example.org")
    job = make_job(alice, kind="embed")
    make_job(operator, kind="embed")
    admin = Client()
    admin.force_login(operator)
    admin.get("/admin/jobs/job/")
    admin.get(f"/admin/jobs/job/{job.pk}/change/")
    admin.get(f"/admin/jobs/job/{job.pk}/history/")
    admin.get("/admin/omnicrm/user/")
    admin.get(f"/admin/omnicrm/user/{alice.pk}/change/")
    admin.post(f"/admin/omnicrm/user/{alice.pk}/change/", {"is_active": "on"})
    assert lines(client) == [
        "An operator changed your account Olga, an operator",
        "An operator looked at your account Olga, an operator",
        "An operator looked at a list with your account Olga, an operator",
        "An operator looked at the state of your jobs (2) Olga, an operator",
        "An operator looked at a list with the state of your jobs Olga, an operator",
    ]
    assert lines(client, "?who=operator") == lines(client, "?what=reads") == lines(client)
    with acting_as(charlie.pk):
        assert [event.data["what"] for event in Event.objects.for_user(charlie)] == ["omnicrm.user"]
    with acting_as(operator.pk):
        assert not Event.objects.for_user(operator).exists()  # one's own is no secret


@pytest.mark.django_db
def test_entries_for_many_are_written_in_one_order(alice: User, charlie: User) -> None:
    """Two operators who look at the same list at once must not wait for each other."""
    owners = sorted([alice, charlie], key=lambda user: user.pk)
    for user in owners:
        make_job(user)  # the newest comes first in the list, so this is not the list's order
    admin = Client()
    admin.force_login(make_operator())
    admin.get("/admin/jobs/job/")
    moments = []
    for user in owners:
        with acting_as(user.pk):
            moments.append(Event.objects.for_user(user).get().created_at)
    assert moments == sorted(moments)


@pytest.mark.django_db
def test_a_command_that_reads_is_written_down(client: Client, alice: User) -> None:
    assert run("duplicates", "--user", alice.email)["exit"] == 0
    assert lines(client) == [
        "An operator looked at who of your contacts may be the same person Whoever runs this server"
    ]


def test_nobody_sees_anothers(client: Client, stranger: Client, alice: User) -> None:
    with acting_as(alice.pk):
        editing.create_contact(alice, name="Grace Hopper")
    assert "Grace" in client.get("/activity/").text
    assert "Nothing has been done yet" in stranger.get("/activity/").text
