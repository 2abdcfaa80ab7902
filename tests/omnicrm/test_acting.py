"""The three layers of isolation, at their smallest."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from contacts.models import Contact, Note
from omnicrm.acting import acting_as, current_user_id
from omnicrm.models import User
from omnicrm.owned import OwnerNotNamed


def contact_of(user: User, name: str = "Ada Lovelace") -> Contact:
    contact = Contact(
        user=user, display_name=name, sort_name=name.lower(), slug=name.lower().replace(" ", "-")
    )
    with acting_as(user.pk):
        contact.save()
    return contact


def setting() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(current_setting('app.user_id', true), '')")
        return str(cursor.fetchone()[0])


def test_nobody_sees_anything(alice: User) -> None:
    contact_of(alice)
    assert Contact.unscoped.count() == 0


def test_an_owner_sees_only_their_own(alice: User, charlie: User) -> None:
    contact_of(alice)
    with acting_as(charlie.pk):
        assert Contact.unscoped.count() == 0
    with acting_as(alice.pk):
        assert [c.display_name for c in Contact.unscoped.all()] == ["Ada Lovelace"]


def test_a_row_cannot_be_given_to_somebody_else(alice: User, charlie: User) -> None:
    with pytest.raises(ProgrammingError, match="row-level security"), acting_as(charlie.pk):
        Contact(user=alice, display_name="x", sort_name="x", slug="x").save()


def test_a_row_cannot_point_at_somebody_elses(alice: User, charlie: User) -> None:
    theirs = contact_of(alice)
    with pytest.raises(IntegrityError, match="contacts_note_contact"), acting_as(charlie.pk):
        Note(user=charlie, contact=theirs, text="hello").save()


def test_a_query_without_an_owner_is_refused(alice: User) -> None:
    with pytest.raises(OwnerNotNamed, match="for_user"):
        Contact.objects.count()
    with acting_as(alice.pk):
        assert Contact.objects.for_user(alice).count() == 0


def test_the_identity_is_restored_on_the_way_out(alice: User, charlie: User) -> None:
    with acting_as(alice.pk):
        with acting_as(charlie.pk):
            assert (current_user_id(), setting()) == (charlie.pk, str(charlie.pk))
        assert (current_user_id(), setting()) == (alice.pk, str(alice.pk))
        with pytest.raises(ZeroDivisionError), acting_as(charlie.pk):
            raise ZeroDivisionError
        assert (current_user_id(), setting()) == (alice.pk, str(alice.pk))
    assert (current_user_id(), setting()) == (None, "")


@pytest.mark.django_db(transaction=True)
def test_a_connection_goes_back_without_an_identity() -> None:
    alice = User.objects.create_user("alice@example.org")
    with acting_as(alice.pk):
        assert setting() == str(alice.pk)
    assert setting() == ""


def test_the_app_role_owns_nothing(db: None) -> None:
    with (
        pytest.raises(ProgrammingError, match="must be owner"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("ALTER TABLE contacts_contact DISABLE ROW LEVEL SECURITY")
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("TRUNCATE contacts_contact CASCADE")
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM omnicrm_event")


def test_deleting_a_user_takes_their_rows(alice: User) -> None:
    contact = contact_of(alice)
    alice_id = alice.pk
    alice.delete()
    with acting_as(alice_id):
        assert not Contact.unscoped.filter(pk=contact.pk).exists()
