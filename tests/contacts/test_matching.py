"""Normalized identities, and who is taken for whom."""

from __future__ import annotations

import datetime as dt
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contacts.drafts import PersonDraft
from contacts.matching import duplicates, is_free_mail, normalize_email, normalize_phone, split_name
from contacts.names import fold, is_slip


def person(
    name: str = "", *emails: str, phone: str = "", at: str = "", born: dt.date | None = None
) -> PersonDraft:
    return PersonDraft(
        full_name=name, emails=list(emails), phones=[phone] if phone else [], organization=at, birthday=born
    )


@pytest.mark.parametrize(
    ("value", "normalized"),
    [
        ("Ada@Example.org", "ada@example.org"),
        ("  mailto:ada@example.org?subject=x ", "ada@example.org"),
        ("<ada@example.org>", "ada@example.org"),
        ("ada\u200b@example.org", "ada@example.org"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
        ("jose\u0301@example.org", "jos\u00e9@example.org"),
        ("ada", ""),
        ("ada@localhost", ""),
        ("ada lovelace@example.org", ""),
        ("a@b@example.org", ""),
        ("@example.org", ""),
        ("ada@example..org", ""),
        ("/o=Exchange/cn=ada", ""),
        ("", ""),
    ],
)
def test_email_has_one_form(value: str, normalized: str) -> None:
    assert normalize_email(value) == normalized


@pytest.mark.parametrize(
    ("value", "region", "normalized"),
    [
        ("+49 (0)30 123456", None, "+4930123456"),
        ("0049 30 123456", None, "+4930123456"),
        ("030 123456", "DE", "+4930123456"),
        ("030 / 123 456", None, "030123456"),
        ("(212) 555-0199", "US", "+12125550199"),
        ("tel:+1-418-656-9254", None, "+14186569254"),
        ("+1 418 656 9254 ext. 102", None, "+14186569254;ext=102"),
        ("12", None, ""),
        ("ask Bob", None, ""),
        ("", None, ""),
    ],
)
def test_phone_has_one_form(value: str, region: str | None, normalized: str) -> None:
    assert normalize_phone(value, region) == normalized


@pytest.mark.parametrize(
    ("full", "parts"),
    [
        ("Jane Doe", ("Jane", "Doe")),
        ("Doe, Jane", ("Jane", "Doe")),
        ("Dr. Ludwig van Beethoven", ("Ludwig", "van Beethoven")),
        ("Madonna", ("Madonna", "")),
        ("Acme GmbH", ("", "")),
        ("Smith & Sons", ("", "")),
        ("jane@example.org", ("", "")),
        ("  ", ("", "")),
    ],
)
def test_name_is_split(full: str, parts: tuple[str, str]) -> None:
    assert split_name(full) == parts


def test_free_mail_is_known() -> None:
    assert is_free_mail("GMail.com")
    assert not is_free_mail("acme.example")


def test_slips_and_folding() -> None:
    assert [fold(word) for word in ("Jörg", "JOERG", "Łukasz", "Straße")] == [
        "jorg",
        "jorg",
        "lukasz",
        "strasse",
    ]
    assert is_slip("schmidt", "schmitd")
    assert is_slip("petersen", "petersn")
    assert not is_slip("hansen", "jansen")
    assert not is_slip("anna", "anne")


SAME = [
    ("an address", person("Ada L", "a@x.example"), person("Ada Lovelace", "A@X.example"), 0.96,
     ["same e-mail address", "same first name"]),
    ("an address without a name", person("", "bm@x.example"), person("Bernd Meier", "bm@x.example"), 0.95,
     ["same e-mail address"]),
    ("Gmail's dots and tags", person("John Doe", "john.doe+crm@gmail.com"), person("John Doe", "johndoe@googlemail.com"),
     0.97, ["e-mail addresses that differ only in dots or a tag", "same name"]),
    ("a number in two forms", person("Jane Doe", phone="+49 30 1234567"), person("J. Doe", phone="030/1234567"), 0.87,
     ["same phone number", "same family name and initial"]),
    ("a nickname", person("Bob Smith", at="Acme Inc."), person("Robert Smith", at="ACME"), 0.82,
     ["similar name at the same company"]),
    ("a slip", person("Jane Schmidt", at="Acme"), person("Jane Schmitd", at="Acme"), 0.82,
     ["similar name at the same company"]),
    ("a company and its domain", person("Jane Doe", "jd@acme.example"), person("Jane Doe", at="Acme, Inc"), 0.865,
     ["same name", "same company domain"]),
    ("a slip in a name beside the address", person("Jhon Doe", "jd@x.example"), person("John Doe", "jd@x.example"), 0.98,
     ["same e-mail address", "similar name", "same company domain"]),
    ("a birthday", person("Jane Doe", born=dt.date(1980, 1, 2)), person("Jane Doe", born=dt.date(1980, 1, 2)), 0.88,
     ["same name", "same birthday"]),
    ("accents", person("Jörg Müller"), person("Joerg Mueller"), 0.7, ["same name"]),
    ("order", person("Doe, Jane"), person("Jane Doe"), 0.7, ["same name"]),
    ("a double name", person("Maria Garcia", at="Zeta"), person("Maria Garcia Lopez", at="Zeta"), 0.82,
     ["similar name at the same company"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("a", "b", "score", "reasons"), [case[1:] for case in SAME], ids=[case[0] for case in SAME]
)
def test_probably_one_person(a: PersonDraft, b: PersonDraft, score: float, reasons: list[str]) -> None:
    [pair] = duplicates([person("Somebody Else", "else@other.example"), a, b])
    assert (pair.a, pair.b, pair.reasons) == (1, 2, reasons)
    assert pair.score == pytest.approx(score, abs=0.012)


OTHERS = {
    "a role's address": (person("Jane Doe", "info@acme.example"), person("Mary Roe", "info@acme.example")),
    "a role without names": (person("", "sales-uk@acme.example"), person("", "sales-uk@acme.example")),
    "a couple's address": (person("Anna Meier", "meier@x.example"), person("Bernd Meier", "meier@x.example")),
    "a switchboard": (person("Jane Doe", phone="030 1234567"), person("Mary Roe", phone="030 1234567")),
    "extensions": (person("", phone="030 1234567 ext 1"), person("", phone="030 1234567 ext 2")),
    "another company": (person("Jane Doe", "jane@acme.example"), person("Jane Doe", at="Zenith")),
    "another middle name": (person("John A. Smith", at="Acme"), person("John B. Smith", at="Acme")),
    "father and son": (person("John Smith Jr."), person("John Smith Sr.")),
    "only a first name": (person("Bernd"), person("Bernd")),
    "another birthday": (
        person("Jane Doe", born=dt.date(1980, 1, 2)),
        person("Jane Doe", born=dt.date(1990, 1, 2)),
    ),
    "short names alike": (person("Anna Hahn", at="Acme"), person("Anne Hahn", at="Acme")),
    "colleagues": (person("Jane Doe", "jane@acme.example"), person("John Roe", "john@acme.example")),
}


@pytest.mark.parametrize("people", OTHERS.values(), ids=OTHERS.keys())
def test_other_people(people: tuple[PersonDraft, PersonDraft]) -> None:
    assert duplicates(people) == []


def test_an_address_of_many_names_is_shared() -> None:
    names = ["Ada Lovelace", "Grace Hopper", "Mary Shelley", "Emmy Noether", ""]
    assert duplicates([person(name, "crew@ship.example") for name in names]) == []


def test_a_common_name_is_no_evidence() -> None:
    assert len(duplicates([person("John Smith")] * 3)) == 3
    assert duplicates([person("John Smith")] * 4) == []


@pytest.mark.parametrize(
    "people",
    [
        [person(f"Given{i} Family{i}", f"p{i}@acme.example", at="Acme") for i in range(10_000)],
        [person("John Smith", "john@acme.example", phone="5551234567", at="Acme")] * 10_000,
    ],
    ids=["one company", "one person"],
)
def test_work_is_bounded(people: list[PersonDraft]) -> None:
    began = time.thread_time()
    pairs = duplicates(people)
    assert time.thread_time() - began < 4
    assert len(pairs) <= 10_000 * 8


@given(
    st.lists(
        st.builds(PersonDraft, full_name=st.text(), emails=st.lists(st.text()), phones=st.lists(st.text()))
    )
)
def test_any_text_is_compared(people: list[PersonDraft]) -> None:
    for pair in duplicates(people):
        assert pair.a < pair.b
        assert 0 < pair.score <= 1
        assert pair.reasons


@given(st.text() | st.emails())
@example("0000000")
@example("00 (00) 12345")
def test_normalizing_twice_changes_nothing(value: str) -> None:
    assert normalize_email(normalize_email(value)) == normalize_email(value)
    assert normalize_phone(normalize_phone(value)) == normalize_phone(value)
    split_name(value)
