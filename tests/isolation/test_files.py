"""Files, and letters as they were sent: nobody finds another's, by an address or by a name."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from contacts.models import Interaction
from integrations.models import RawEvent, SourceFile
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.isolation.conftest import Without
from tests.isolation.visiting import Visitor, leaks, visitor
from tests.isolation.world import World

CARD = b"BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Ada Lovelace\r\nEMAIL:ada@example.org\r\nEND:VCARD\r\n"


def upload(browser: Client, user: User) -> SourceFile:
    browser.post("/import/upload/", {"file": SimpleUploadedFile("friends-of-alice.vcf", CARD)})
    with acting_as(user.pk):
        newest = SourceFile.objects.for_user(user).order_by("-created_at").first()
    assert newest is not None
    return newest


@pytest.mark.django_db
def test_the_name_of_a_stored_file_cannot_be_guessed(client: Client, alice: User) -> None:
    """128 bits of chance, less those that say what kind of id it is; neither the file's name nor its number."""
    names = [upload(client, alice).stored_as for _ in range(2)]
    for name in names:
        assert re.fullmatch(rf"uploads/{alice.pk}/[0-9a-f]{{32}}\.vcf", name)
        with default_storage.inner.open(name) as kept:  # type: ignore[attr-defined]
            assert b"Lovelace" not in kept.read()
        default_storage.delete(name)
    assert len(set(names)) == 2


@pytest.mark.django_db
def test_no_address_leads_to_a_stored_file(client: Client, stranger: Client, alice: User) -> None:
    name = upload(client, alice).stored_as
    file = f"{settings.MEDIA_ROOT}/{name}"
    for browser in (client, stranger, Client()):
        for path in (
            f"/{name}",
            f"/media/{name}",
            f"/static/{name}",
            f"/static/../{name}",
            f"/static/%2e%2e{file}",
        ):
            assert browser.get(path).status_code == 404
    default_storage.delete(name)


def letter_of(world: World, visited: Visitor) -> set[str]:
    path = f"/import/letters/{world.hers[Interaction].pk}/"
    return {world.columns[number] for number in leaks(visited.ask("GET", path, {}), path, "a")}


@pytest.mark.parametrize("layer", ["none of them", "scoping", "policies", "keys"])
def test_a_letter_is_its_owners(without: Without, layer: str) -> None:
    """Word for word as it came, for her; for him there is none, whichever layer fails."""
    with without(*{layer} - {"none of them"}) as world:
        assert "integrations.RawEvent.payload" in letter_of(world, visitor(world.alice))
        assert letter_of(world, visitor(world.charlie)) == set()
        with acting_as(world.alice.pk):
            assert b"canary-a" in RawEvent.objects.for_user(world.alice).get().content
