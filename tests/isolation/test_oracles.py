"""What one could find out by asking cleverly: whether somebody has an account here, or what an operator may not read."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.test import Client

from omnicrm.models import User
from tests.factories import make_operator
from tests.isolation.accounts import plant_account
from tests.isolation.visiting import Way, attempt, told, visitor

FORMS = {
    "/accounts/login/": {"password": "wrong"},
    "/accounts/password/reset/": {},
    "/accounts/email/": {"action_add": ""},
}
"""Forms that take an address, and what else they want."""


@pytest.mark.parametrize("way", Way)
@pytest.mark.parametrize("path", FORMS)
def test_a_form_does_not_say_who_has_an_account(alice: User, charlie: User, path: str, way: Way) -> None:
    """An address that somebody has is answered as one that nobody has."""
    plant_account(alice, "a")
    asker = visitor(charlie if path == "/accounts/email/" else None)
    answers = set()
    for address in (alice.email, "canary-a902@example.org", "nobody-has-this@example.org"):
        with attempt():
            response = asker.ask("POST", path, FORMS[path] | {"login": address, "email": address}, way)
            status, words = told(response, path)
            answers.add((status, re.sub(rb'"id": \d+', b"", words).replace(address.encode(), b"")))
    assert len(answers) == 1


def hidden() -> list[tuple[str, str]]:
    """The pages of the admin, each with every column of its table that they do not show."""
    return [
        (f"/admin/{model._meta.app_label}/{model._meta.model_name}/", field.name)
        for model, pages in admin.site._registry.items()
        for field in model._meta.concrete_fields
        if field.name not in {"id", *pages.shown()}  # type: ignore[attr-defined]
    ]


@pytest.mark.django_db
def test_a_filter_of_the_admin_spells_out_nothing_that_it_does_not_show(alice: User) -> None:
    browser = Client(raise_request_exception=False)
    browser.force_login(make_operator())
    assert ("/admin/omnicrm/user/", "password") in hidden()
    for page, name in hidden():
        for lookup in (name, f"{name}__startswith", f"{name}__isnull"):
            assert browser.get(page, {lookup: "s"}).status_code == 400, (page, lookup)
    for lookup in ("email__startswith", "id", "pk"):
        assert browser.get("/admin/omnicrm/user/", {lookup: alice.pk}).status_code == 200
