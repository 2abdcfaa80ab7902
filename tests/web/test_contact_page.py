"""The page of a person: their history, and what is changed there."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from contacts.models import Contact, ContactIdentity, Note, Task
from jobs.foreground import work_until_settled
from jobs.models import Batch
from jobs.undo import start_undo
from omnicrm.acting import acting_as
from omnicrm.models import Event, User
from tests.factories import (
    NOON,
    make_contact,
    make_identity,
    make_interaction,
    make_note,
    make_own_address,
    make_participant,
    make_slug,
    make_task,
)

HTMX = {"HX-Request": "true"}


@pytest.fixture
def ada(alice: User) -> Contact:
    contact = make_contact(
        alice, display_name="Ada Lovelace", slug="ada-lovelace", primary_email="ada@example.com"
    )
    make_identity(alice, value="ada@example.com", contact=contact)
    return contact


def wrote(contact: Contact, **fields: object) -> None:
    """An e-mail from this contact's first address."""
    user = contact.user
    with acting_as(user.pk):
        identity = ContactIdentity.objects.for_user(user).filter(contact=contact).earliest("created_at")
    make_participant(user, identity=identity, interaction=make_interaction(user, **fields))


def actions(user: User) -> list[str]:
    with acting_as(user.pk):
        return list(Event.objects.for_user(user).order_by("created_at").values_list("action", flat=True))


def test_what_the_page_shows(client: Client, ada: Contact) -> None:
    wrote(ada, subject="Engines & <looms>", visible_text="It weaves.", text="It weaves.\n> Does it weave?")
    page = client.get("/contacts/ada-lovelace/").content.decode()
    assert "Engines &amp; &lt;looms&gt;" in page
    assert "It weaves." in page
    assert "Does it weave?" not in page
    assert "ada@example.com" in page
    assert "March 2026" in page


def test_the_whole_message(client: Client, ada: Contact) -> None:
    wrote(ada, subject="Looms", visible_text="It weaves.", text="It weaves.\n> Does it weave?")
    page = client.get("/contacts/ada-lovelace/").content.decode()
    link = page.split('hx-get="/contacts/ada-lovelace/messages/')[1].split('"')[0]
    whole = client.get(f"/contacts/ada-lovelace/messages/{link}").content.decode()
    assert "<summary" in whole
    assert "&gt; Does it weave?" in whole
    part = client.get(f"/contacts/ada-lovelace/messages/{link}", headers=HTMX).content.decode()
    assert "<html" not in part


def test_threads_stand_together(client: Client, ada: Contact) -> None:
    for day in range(3):
        wrote(ada, subject="Re: Looms", thread_key="t1", occurred_at=NOON + dt.timedelta(days=day))
    wrote(ada, subject="Tea", occurred_at=NOON + dt.timedelta(days=1, hours=1))
    page = client.get("/contacts/ada-lovelace/").content.decode()
    assert page.count("Re: Looms</span>") == 1
    assert "2 earlier messages" in page
    assert page.index("Re: Looms") < page.index(">Tea<")


def test_kinds_and_older_pages(client: Client, ada: Contact) -> None:
    for number in range(60):
        wrote(ada, subject=f"Letter {number:02}", occurred_at=NOON + dt.timedelta(hours=number))
    make_note(ada.user, contact=ada, text="Likes poetry.")
    page = client.get("/contacts/ada-lovelace/").content.decode()
    assert "Likes poetry." in page
    assert "Letter 59" in page
    assert "Letter 10<" not in page
    older = page.split("before=")[1].split('"')[0]
    second = client.get(f"/contacts/ada-lovelace/?before={older}").content.decode()
    assert "Letter 10<" in second
    assert "Letter 11<" not in second
    assert "Likes poetry." not in second
    assert "Likes poetry." in client.get("/contacts/ada-lovelace/?kind=note").content.decode()
    assert "Letter 59" not in client.get("/contacts/ada-lovelace/?kind=note").content.decode()
    assert "Nothing of this kind" in client.get("/contacts/ada-lovelace/?kind=meeting").content.decode()


@pytest.mark.parametrize(
    "query", ["before=x", "before=2026-01-01_x", "before=2026-01-01T00:00:00_0", "kind=x", "kind="]
)
def test_nonsense_in_the_address(client: Client, ada: Contact, query: str) -> None:
    assert client.get(f"/contacts/ada-lovelace/?{query}").status_code == 200


def test_an_address_twice_in_a_message_is_one_moment(client: Client, ada: Contact) -> None:
    interaction = make_interaction(ada.user, subject="Once")
    with acting_as(ada.user_id):
        identity = ContactIdentity.objects.for_user(ada.user).get(value="ada@example.com")
    for role in ("from", "to", "cc"):
        make_participant(ada.user, identity=identity, interaction=interaction, role=role)
    mine = make_identity(ada.user, value=make_own_address(ada.user, value="me@example.org").value)
    make_participant(ada.user, identity=mine, interaction=interaction, role="bcc")
    page = client.get("/contacts/ada-lovelace/").content.decode()
    assert page.count(">Once<") == 1
    assert "me@example.org" not in page


def test_the_cost_of_a_page_does_not_grow(client: Client, ada: Contact) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/contacts/ada-lovelace/").status_code == 200
        return len(queries)

    wrote(ada, subject="One")
    few = cost()
    for number in range(30):
        wrote(ada, subject=f"Letter {number}")
        make_note(ada.user, contact=ada)
        make_task(ada.user, contact=ada)
    assert cost() == few


def test_an_old_link_leads_to_the_new_one(client: Client, ada: Contact) -> None:
    form = {"name": "Ada King", "company": "", "job_title": "", "stage": "", "tags": ""}
    assert client.post("/contacts/ada-lovelace/edit/", form).url == "/contacts/ada-king/"  # type: ignore[attr-defined]
    answer = client.get("/contacts/ada-lovelace/")
    assert (answer.status_code, answer.url) == (302, "/contacts/ada-king/")  # type: ignore[attr-defined]
    form["name"] = "Ada Lovelace"
    assert client.post("/contacts/ada-king/edit/", form).url == "/contacts/ada-lovelace/"  # type: ignore[attr-defined]
    assert client.get("/contacts/ada-king/").url == "/contacts/ada-lovelace/"  # type: ignore[attr-defined]


def test_missing_and_not_yours_look_the_same(client: Client, stranger: Client, ada: Contact) -> None:
    make_slug(ada.user, contact=ada, slug="countess")
    for address in ("ada-lovelace", "countess", "nobody"):
        assert stranger.get(f"/contacts/{address}/").status_code == 404
    assert client.get("/contacts/nobody/").status_code == 404


def test_add_by_hand(client: Client, alice: User) -> None:
    form = {"name": "  Grace \n Hopper ", "email": " Grace@Navy.example ", "phone": "+44 20 7946 0000"}
    form |= {"company": "Navy", "job_title": "Admiral", "stage": "client", "tags": "Code, code,  ships "}
    answer = client.post("/contacts/add/", form, follow=True)
    assert answer.redirect_chain == [("/contacts/grace-hopper/", 302)]
    with acting_as(alice.pk):
        contact = Contact.objects.for_user(alice).get()
        assert (contact.display_name, contact.sort_name) == ("Grace Hopper", "hopper grace")
        assert (contact.primary_email, contact.primary_phone) == ("grace@navy.example", "+44 20 7946 0000")
        assert contact.company is not None
        assert contact.company.name == "Navy"
        assert sorted(link.tag.name for link in contact.contact_tags.all()) == ["Code", "ships"]
        assert contact.batch_id is None
    assert actions(alice) == ["contact.created"]


def test_an_address_that_is_taken_leads_to_who_has_it(client: Client, ada: Contact) -> None:
    form = {"name": "Another Ada", "email": "ADA@example.com"}
    answer = client.post("/contacts/add/", form)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "ada@example.com already belongs to Ada Lovelace." in page
    assert 'href="/contacts/ada-lovelace/"' in page
    with acting_as(ada.user_id):
        assert Contact.objects.for_user(ada.user).count() == 1
    assert client.post("/contacts/add/", form | {"without_address": "1"}).status_code == 302


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"name": "  "}, "This field is required."),
        ({"name": "X", "email": "not an address"}, "is neither an e-mail address nor a phone number."),
        ({"name": "X", "email": "me@example.org"}, "me@example.org is your own address."),
        ({"name": "X", "stage": "emperor"}, "is not one of the available choices"),
    ],
)
def test_mistakes_are_told(client: Client, alice: User, form: dict[str, str], sentence: str) -> None:
    make_own_address(alice, value="me@example.org")
    answer = client.post("/contacts/add/", form)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    with acting_as(alice.pk):
        assert not Contact.objects.for_user(alice).exists()


def test_addresses(client: Client, ada: Contact) -> None:
    nobodys = make_identity(ada.user, value="countess@example.com")
    bo = make_contact(ada.user, display_name="Bo", slug="bo")
    make_identity(ada.user, value="bo@example.com", contact=bo)
    client.post("/contacts/ada-lovelace/addresses/add/", {"address": "Countess@example.com"})
    with acting_as(ada.user_id):
        assert ContactIdentity.objects.for_user(ada.user).get(pk=nobodys.pk).contact_id == ada.pk
    taken = client.post("/contacts/ada-lovelace/addresses/add/", {"address": "bo@example.com"}, headers=HTMX)
    assert taken.status_code == 422
    assert "already belongs to Bo." in taken.content.decode()
    removed = client.post(f"/contacts/ada-lovelace/addresses/{nobodys.pk}/remove/", headers=HTMX)
    assert removed.status_code == 200
    assert "countess@example.com" not in removed.content.decode()
    assert "toast" in removed.headers["HX-Trigger"]


def test_notes(client: Client, ada: Contact) -> None:
    client.post("/contacts/ada-lovelace/notes/add/", {"text": "Likes <b>poetry</b>."})
    page = client.get("/contacts/ada-lovelace/").content.decode()
    assert "Likes &lt;b&gt;poetry&lt;/b&gt;." in page
    with acting_as(ada.user_id):
        note = Note.objects.for_user(ada.user).get()
    client.post(f"/contacts/ada-lovelace/notes/{note.pk}/", {"text": "Likes maths."})
    assert "Likes maths." in client.get("/contacts/ada-lovelace/").content.decode()
    assert client.post("/contacts/ada-lovelace/notes/add/", {"text": " "}).status_code == 422
    client.post(f"/contacts/ada-lovelace/notes/{note.pk}/delete/")
    assert "Likes maths." not in client.get("/contacts/ada-lovelace/").content.decode()
    assert actions(ada.user) == ["note.added", "note.edited", "note.deleted"]


def test_tasks(client: Client, ada: Contact) -> None:
    client.post("/contacts/ada-lovelace/tasks/add/", {"title": "Call her", "due_on": "2026-03-05"})
    with acting_as(ada.user_id):
        task = Task.objects.for_user(ada.user).get()
    assert "Call her" in client.get("/").content.decode()
    address = f"/contacts/ada-lovelace/tasks/{task.pk}/"
    assert client.post(address, {"next": "home"}).url == "/"  # type: ignore[attr-defined]
    client.post(address, {"done": "0"})
    client.post(f"{address}delete/")
    assert actions(ada.user) == ["task.added", "task.done", "task.reopened", "task.deleted"]
    assert (
        client.post("/contacts/ada-lovelace/tasks/add/", {"title": "X", "due_on": "soon"}).status_code == 422
    )


@pytest.mark.parametrize("part", ["notes", "tasks", "addresses"])
def test_strangers_change_nothing(client: Client, stranger: Client, ada: Contact, part: str) -> None:
    note, task = make_note(ada.user, contact=ada), make_task(ada.user, contact=ada)
    with acting_as(ada.user_id):
        identity = ContactIdentity.objects.for_user(ada.user).get()
    addresses = {"notes": f"{note.pk}/delete/", "tasks": f"{task.pk}/", "addresses": f"{identity.pk}/remove/"}
    assert stranger.post(f"/contacts/ada-lovelace/{part}/{addresses[part]}").status_code == 404
    assert stranger.post("/contacts/delete/", {"contact": str(ada.pk)}).status_code == 302
    assert stranger.post("/contacts/ada-lovelace/delete/").status_code == 404
    assert actions(ada.user) == []


@pytest.mark.django_db(transaction=True)
def test_delete_and_undo_bring_everything_back(client: Client, ada: Contact) -> None:
    wrote(ada, subject="Looms")
    make_note(ada.user, contact=ada, text="Likes poetry.")
    make_task(ada.user, contact=ada, title="Call her")
    make_slug(ada.user, contact=ada, slug="countess")
    before = client.get("/contacts/ada-lovelace/").content.decode()
    assert b"Delete Ada Lovelace?" in client.get("/contacts/ada-lovelace/delete/").content
    answer = client.post("/contacts/ada-lovelace/delete/", follow=True)
    assert "Deleted Ada Lovelace." in answer.content.decode()
    assert client.get("/contacts/ada-lovelace/").status_code == 404
    with acting_as(ada.user_id):
        batch = Batch.objects.for_user(ada.user).get()
        assert (batch.kind, batch.state) == ("delete", "done")
        assert not Note.objects.for_user(ada.user).exists()
        assert ContactIdentity.objects.for_user(ada.user).get().contact_id is None
        start_undo(batch)
    work_until_settled(batch)
    after = client.get("/contacts/ada-lovelace/").content.decode()
    assert [word in after for word in ("Looms", "Likes poetry.", "Call her", "ada@example.com")] == [True] * 4
    assert before.count("moment-body") == after.count("moment-body")
    assert client.get("/contacts/countess/").status_code == 302


def test_ticked_people_go_together(client: Client, alice: User) -> None:
    people = [make_contact(alice, display_name=name) for name in ("Ada", "Bo", "Cy")]
    ticked = [str(people[0].pk), str(people[2].pk), "nonsense", str(people[0].pk)]
    page = client.post("/contacts/delete/", {"contact": ticked}, follow=True).content.decode()
    assert "Deleted 2 people." in page
    assert "/undo/" in page
    with acting_as(alice.pk):
        assert [c.display_name for c in Contact.objects.for_user(alice)] == ["Bo"]
    assert "Nobody was ticked" in client.post("/contacts/delete/", follow=True).content.decode()


def together(user: User, parts: dict[str, tuple[str, str]], **fields: object) -> None:
    """An interaction of these people: address → role and the name it was written with."""
    interaction = make_interaction(user, **fields)
    for address, (role, name) in parts.items():
        with acting_as(user.pk):
            known = ContactIdentity.objects.for_user(user).filter(value=address).first()
        identity = known or make_identity(user, value=address)
        make_participant(user, interaction=interaction, identity=identity, role=role, name=name)


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        (
            {"ada@example.com": ("from", "A. L."), "list@example.com": ("to", "Engine List")},
            "Ada Lovelace to Engine List",
        ),
        (
            {"charles@example.com": ("from", "Charles"), "list@example.com": ("to", "Engine List"),
             "ada@example.com": ("cc", ""), "me@example.org": ("to", "Alice")},
            "Charles to you, Ada Lovelace and Engine List",
        ),
        ({"me@example.org": ("from", "Alice"), "ada@example.com": ("to", "")}, "You to Ada Lovelace"),
        (
            {"ada@example.com": ("from", "")} | {f"p{n}@example.com": ("to", f"P{n}") for n in range(6)},
            "Ada Lovelace to P0, P1, P2 and 3 more",
        ),
        ({"ada@example.com": ("from", "")}, "Ada Lovelace wrote"),
        ({"ada@example.com": ("organizer", ""), "me@example.org": ("attendee", "")}, "You and Ada Lovelace"),
    ],
    ids=["to a list", "from somebody else", "from you", "to many", "to nobody", "a meeting"],
)  # fmt: skip
def test_who_wrote_to_whom(
    client: Client, ada: Contact, parts: dict[str, tuple[str, str]], sentence: str
) -> None:
    make_own_address(ada.user, value="me@example.org")
    together(ada.user, parts)
    page = client.get("/contacts/ada-lovelace/").content.decode()
    assert f'<div class="text-secondary">{sentence}</div>' in page


def test_a_given_name_is_enough_on_their_own_page(client: Client, alice: User) -> None:
    contact = make_contact(alice, display_name="Ada Lovelace", given_name="Ada", slug="ada")
    make_identity(alice, value="ada@example.com", contact=contact)
    together(alice, {"ada@example.com": ("from", ""), "list@example.com": ("to", "Engine List")})
    assert "Ada to Engine List</div>" in client.get("/contacts/ada/").content.decode()


def test_inline_replies_show_what_was_written(client: Client, ada: Contact) -> None:
    text = "On 3 March 2026, Charles wrote:\n> Does it weave?\nIt does.\n> Truly?"
    wrote(ada, subject="Looms", visible_text=text, text=text)
    wrote(ada, subject="Only quoted", visible_text="> Does it?", text="> Does it?")
    page = client.get("/contacts/ada-lovelace/").content.decode()
    assert page.count("said-clip") == 1
    assert '<p class="said said-clip">It does.</p>' in page
    assert page.count("Read all</a>") == 2
    link = page.split('aria-label="Read all of Looms"')[0].rsplit('hx-get="', 1)[1].split('"')[0]
    whole = client.get(link, headers=HTMX).content.decode()
    assert '<div class="quoted">&gt; Does it weave?</div><div class="said">It does.</div>' in whole


def test_the_way_back_says_what_it_undoes(client: Client, alice: User) -> None:
    with acting_as(alice.pk):
        batch = Batch.objects.for_user(alice).create(
            user=alice, kind="file_import", state="done", title="a.mbox"
        )
    make_contact(alice, display_name="Ada", slug="ada", batch=batch)
    assert ">Undo this import</a>" in client.get("/contacts/ada/").content.decode()
