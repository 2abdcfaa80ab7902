"""The list of people: found, sorted, filtered and paged by its address."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from contacts.models import Contact
from omnicrm.models import User
from tests.factories import make_company, make_contact, make_contact_tag, make_identity, make_tag

HTMX = {"HX-Request": "true"}


def names(page: str) -> list[str]:
    """The people on this page of the list, in order."""
    return [unescape(name) for name in re.findall(r'class="cell-name"[^>]*>([^<]+)</a>', page)]


def listed(client: Client, query: str = "", **headers: str) -> list[str]:
    return names(client.get(f"/contacts/?{query}", headers=headers).content.decode())


@pytest.fixture
def three(alice: User) -> list[Contact]:
    days = [dt.datetime(2026, 3, day, tzinfo=dt.UTC) for day in (1, 3)]
    return [
        make_contact(alice, display_name="Ada", stage="client", last_interaction_at=days[0]),
        make_contact(alice, display_name="Bo", job_title="Baker", last_interaction_at=days[1]),
        make_contact(alice, display_name="Cy"),
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["Ada", "Bo", "Cy"]),
        ("sort=-name", ["Cy", "Bo", "Ada"]),
        ("sort=last", ["Cy", "Ada", "Bo"]),
        ("sort=-last", ["Bo", "Ada", "Cy"]),
        ("sort=nonsense", ["Ada", "Bo", "Cy"]),
        ("sort=--name", ["Ada", "Bo", "Cy"]),
        ("stage=client", ["Ada"]),
        ("stage=nonsense", ["Ada", "Bo", "Cy"]),
        ("q=bak", ["Bo"]),
        ("q=%00a", ["Ada", "Bo"]),
        ("q=nobody", []),
        ("tag=nonsense&company=0&batch=x&after=y&before=z", ["Ada", "Bo", "Cy"]),
    ],
)
def test_the_address_says_it_all(client: Client, three: object, query: str, expected: list[str]) -> None:
    assert listed(client, query) == expected


def test_tag_and_company_and_address(client: Client, alice: User, three: list[Contact]) -> None:
    tag, company = make_tag(alice, name="Investor"), make_company(alice, name="Engines")
    make_contact_tag(alice, contact=three[1], tag=tag)
    make_contact(alice, display_name="Di", company=company)
    make_identity(alice, value="cy@example.com", contact=three[2])
    assert listed(client, f"tag={tag.pk}") == ["Bo"]
    assert listed(client, f"company={company.pk}") == ["Di"]
    assert listed(client, "q=cy@example.com") == ["Cy"]
    page = client.get(f"/contacts/?tag={tag.pk}&q=bo").content.decode()
    assert "Tag: Investor" in page
    assert "Clear all" in page


def test_strangers_rows_and_filters_do_not_exist(stranger: Client, alice: User, three: object) -> None:
    tag = make_tag(alice, name="SECRET")
    assert listed(stranger) == []
    assert "SECRET" not in stranger.get(f"/contacts/?tag={tag.pk}").content.decode()


def test_headers_sort_up_then_down_then_not(client: Client, three: object) -> None:
    def following(query: str, column: str) -> str:
        page = client.get(f"/contacts/{query}").content.decode()
        (link,) = re.findall(rf'<a href="(\?[^"]*)"[^>]*>\s*{column}', page)
        return unescape(link)

    assert following("", "Last contact") == "?sort=last"
    assert following("?sort=last", "Last contact") == "?sort=-last"
    assert following("?sort=-last", "Last contact") == "?"
    assert following("", "Name") == "?sort=-name"


def test_the_order_can_be_chosen_without_the_headers(client: Client, three: object) -> None:
    page = client.get("/contacts/?sort=-last").content.decode()
    orders = dict(re.findall(r'<option value="(-?\w+)" (?:selected)?>([^<]+)<', page.split('id="sort"')[1]))
    assert list(orders) == ["name", "-name", "-last", "last", "-created", "created"]
    assert '<option value="-last" selected>Latest contact</option>' in page
    assert listed(client, "sort=name") == listed(client)


@pytest.mark.parametrize("sort", ["name", "-name", "last", "-last", "created", "-created"])
def test_pages_hold_everybody_once(client: Client, alice: User, sort: str) -> None:
    """Ties and people never met lie across the borders of pages."""
    moment = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    for number in range(120):
        met = moment + dt.timedelta(days=number // 40) if number % 3 else None
        make_contact(alice, display_name=f"Person {number // 7}", last_interaction_at=met)
    seen: list[str] = []
    pages: list[list[str]] = []
    query: str | None = f"sort={sort}"
    while query is not None:
        page = client.get(f"/contacts/?{query}").content.decode()
        ticks = re.findall(r'name="contact" value="([^"]+)"', page)
        pages.append(ticks)
        seen += ticks
        link = re.search(r'href="/contacts/\?([^"]*)" rel="next"', page)
        query = unescape(link[1]) if link else None
    assert [len(ticks) for ticks in pages] == [50, 50, 20]
    assert len(set(seen)) == 120
    back = client.get(f"/contacts/?sort={sort}&before={pages[1][0]}").content.decode()
    assert re.findall(r'name="contact" value="([^"]+)"', back) == pages[0]


def test_the_fragment_is_the_list_alone(client: Client, three: object) -> None:
    whole, part = client.get("/contacts/?q=a"), client.get("/contacts/?q=a", headers=HTMX)
    assert b"<html" in whole.content
    assert b"<html" not in part.content
    assert part.content.decode().strip().startswith('<div id="people">')
    assert "HX-Request" in part.headers["Vary"]


def test_three_kinds_of_nothing(client: Client, alice: User) -> None:
    assert b"Nobody here yet" in client.get("/contacts/").content
    ada = make_contact(alice, display_name="Ada")
    assert b"Nobody matches" in client.get("/contacts/?q=zzz").content
    assert b"The list ends before this page" in client.get(f"/contacts/?after={ada.pk}").content


def test_what_was_searched_is_text(client: Client, three: object) -> None:
    page = client.get("/contacts/?q=" + quote("<script>alert(1)</script>")).content.decode()
    assert "<script>alert" not in page


@pytest.mark.parametrize("query", ["", "q=person", "sort=-last"])
def test_the_cost_does_not_grow(client: Client, alice: User, query: str) -> None:
    def cost() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(f"/contacts/?{query}").status_code == 200
        return len(queries)

    company = make_company(alice)
    for number in range(3):
        make_contact_tag(alice, contact=make_contact(alice, display_name=f"Person {number}", company=company))
    few = cost()
    for number in range(27):
        make_contact_tag(alice, contact=make_contact(alice, display_name=f"Person {number}", company=company))
    assert cost() == few
