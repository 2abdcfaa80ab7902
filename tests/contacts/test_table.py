"""The table of people: nothing in it runs in a spreadsheet, and what we read back is what was written."""

from __future__ import annotations

import csv
import datetime as dt
import io
from pathlib import Path

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from contacts.models import Contact
from contacts.table import guarded, line, several
from integrations.files.csv import _GUARDED, parse, read
from omnicrm.acting import acting_as
from omnicrm.models import Event, User
from tests.commands.contract import ALICE, run
from tests.factories import make_company, make_contact, make_contact_tag, make_identity, make_tag
from tests.signing_in import signed_in

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
tricky = st.text(st.sampled_from("=+-@'\"＝,;:ab 1\n"), max_size=12) | st.text(max_size=20)


def as_stored(text: str) -> str:
    """Text as our columns hold it: on one line, trimmed, without what Postgres refuses."""
    return " ".join(text.replace("\x00", "").split())


@given(tricky)
def test_no_cell_begins_like_a_formula_and_each_reads_back(text: str) -> None:
    cell = guarded(text)
    assert not cell.startswith(DANGEROUS)
    assert (cell[1:] if _GUARDED.match(cell) else cell) == text


names = tricky.map(as_stored).filter(lambda text: len(text) > 0 and text != "'")


@given(st.lists(st.tuples(names, names, names), min_size=1, max_size=5))
def test_rows_read_back_exactly(rows: list[tuple[str, str, str]]) -> None:
    data = "\ufeff".encode() + line(["Name", "Company", "Job title"]) + b"".join(map(line, rows))
    people, bad = read(data)
    assert bad == []
    assert [(person.full_name, person.organization, person.title) for person in people] == rows


tags = st.lists(
    names.filter(lambda tag: ":" not in tag and not tag.startswith("* ")), max_size=3, unique=True
)


@given(tags, st.lists(st.integers(10**7, 10**12).map(lambda n: f"+{n}"), max_size=3, unique=True))
def test_several_values_in_a_cell_read_back_exactly(words: list[str], phones: list[str]) -> None:
    data = line(["Name", "Tags", "Phone"]) + line(["Ada", several(words), several(phones)])
    (person,) = parse(data)
    assert (list(person.tags), list(person.phones)) == (words, phones)


@pytest.fixture
def ada(alice: User) -> Contact:
    ada = make_contact(
        alice, display_name="=HYPERLINK(\"x\")", given_name="Ada", family_name="Lovelace, Countess", slug="ada",
        company=make_company(alice, name="-Engines; Ltd"), job_title="@work", stage="client",
        birthday=dt.date(1815, 12, 10), custom={"Shoe size": "+37", "Club": "a\nb"},
    )  # fmt: skip
    for kind, value in (
        ("email", "ada@example.com"),
        ("email", "ada@example.org"),
        ("phone", "+442071838750"),
    ):
        make_identity(alice, kind=kind, value=value, contact=ada)
    make_contact_tag(alice, contact=ada, tag=make_tag(alice, name="friends, old"))
    return ada


@pytest.fixture
def trusted(client: Client) -> Client:
    client.post("/accounts/reauthenticate/", {"password": "correct horse battery"})
    return client


def body(response: object) -> bytes:
    return b"".join(response.streaming_content)  # type: ignore[attr-defined]


@pytest.mark.django_db
def test_from_the_list_to_a_file_and_back(trusted: Client, alice: User, ada: Contact) -> None:
    answer = trusted.post("/contacts/export/")
    data = body(answer)
    assert (answer["Content-Type"], ".csv" in answer["Content-Disposition"]) == (
        "text/csv; charset=utf-8",
        True,
    )
    header, row = csv.reader(io.StringIO(data.decode("utf-8-sig")))
    assert header[-2:] == ["Club", "Shoe size"]
    assert (row[0], row[4], row[-1]) == ('\'=HYPERLINK("x")', "'+442071838750", "'+37")
    (person,) = parse(data)
    assert (person.full_name, person.given_name, person.family_name) == (
        '=HYPERLINK("x")',
        "Ada",
        "Lovelace, Countess",
    )
    assert (list(person.emails), list(person.phones)) == (
        ["ada@example.com", "ada@example.org"],
        ["+442071838750"],
    )
    assert (person.organization, person.title, list(person.tags)) == (
        "-Engines; Ltd",
        "@work",
        ["friends, old"],
    )
    assert (person.birthday, person.custom["Shoe size"], person.custom["Stage"]) == (
        ada.birthday,
        "+37",
        "Client",
    )
    with acting_as(alice.pk):
        noted = Event.objects.for_user(alice).get(action="export.made")
        assert (noted.actor, noted.data) == ("web", {"what": "people", "filtered": False})


@pytest.mark.django_db
def test_the_filter_and_the_order_of_the_list(trusted: Client, alice: User, ada: Contact) -> None:
    for name in ("Bo", "Cy"):
        make_contact(alice, display_name=name, sort_name=name.lower(), stage="lead")
    page = trusted.get("/contacts/?stage=lead&sort=-name").content.decode()
    assert 'action="/contacts/export/?stage=lead&amp;sort=-name"' in page
    data = body(trusted.post("/contacts/export/?stage=lead&sort=-name"))
    assert [person.full_name for person in parse(data)] == ["Cy", "Bo"]


@pytest.mark.django_db
def test_many_people_come_in_pages(trusted: Client, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contacts.table.PAGE", 2)
    for number in range(5):
        make_contact(alice, display_name=f"P{number}", sort_name="same")
    assert sorted(person.full_name for person in parse(body(trusted.post("/contacts/export/")))) == [
        f"P{n}" for n in range(5)
    ]


@pytest.mark.django_db
def test_only_after_the_password_and_only_ones_own(
    client: Client, alice: User, ada: Contact, stranger: Client
) -> None:
    signed_in(client, alice, seconds_ago=3600)
    assert client.post("/contacts/export/")["Location"].startswith("/accounts/reauthenticate/")
    signed_in(client, alice)
    stranger.post("/accounts/reauthenticate/", {"password": "correct horse battery"})
    assert parse_or_nothing(body(stranger.post("/contacts/export/"))) == 0
    assert client.get("/contacts/export/").status_code == 405


def parse_or_nothing(data: bytes) -> int:
    return len(list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))) - 1


@pytest.mark.django_db
def test_by_command(alice: User, ada: Contact, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    assert run("export_contacts", str(path), *ALICE) == {"exit": 0, "path": str(path), "people": 1}
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(parse(path.read_bytes())) == 1
    assert run("export_contacts", str(path), *ALICE)["exit"] == 2
    none = run("export_contacts", str(tmp_path / "none.csv"), *ALICE, "--search", "nobody")
    assert none["people"] == 0
