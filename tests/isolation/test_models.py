"""The census of models: everyone of them is somebody's or, for a reason, everybody's."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, ProgrammingError, models, transaction
from django.db.models import ForeignKey

from omnicrm.acting import acting_as
from omnicrm.models import EventLink, User
from omnicrm.owned import OwnedModel, OwnerNotNamed
from omnicrm.rowsecurity import SameOwner
from tests.factories import FACTORIES, NOON
from tests.isolation.census import APPEND_ONLY, GLOBAL, OWNED

OWNERS_KEYS = [
    (model, constraint)
    for model in OWNED
    for constraint in model._meta.constraints
    if isinstance(constraint, SameOwner)
]
each_model = pytest.mark.parametrize("model", OWNED, ids=lambda model: model._meta.label)


def test_every_model_is_owned_or_global_for_a_reason() -> None:
    everything = {model._meta.label for model in apps.get_models(include_auto_created=True)}
    owned = {model._meta.label for model in OWNED}
    assert owned | GLOBAL.keys() == everything, (
        "Make a new model an OwnedModel, or say in tests/isolation/census.py why it is global."
    )
    assert owned & GLOBAL.keys() == set()
    assert all(len(reason) > 20 for reason in GLOBAL.values())


def test_every_owned_model_has_a_factory() -> None:
    assert set(FACTORIES) == set(OWNED), "Add make_… for it to tests/factories.py."


@each_model
def test_a_query_that_names_no_owner_raises(model: type[OwnedModel]) -> None:
    rows: Any = model.objects  # type: ignore[attr-defined]
    for ask in ("all", "count", "first", "exists", "aggregate"):
        with pytest.raises(OwnerNotNamed, match=model.__name__):
            getattr(rows, ask)()


@each_model
def test_nobody_and_a_stranger_see_and_change_nothing(
    model: type[OwnedModel], alice: User, charlie: User
) -> None:
    before = values_of(FACTORIES[model](alice))
    assert not model.unscoped.exists()
    with acting_as(charlie.pk):
        assert not model.unscoped.exists()
        if model not in APPEND_ONLY:
            assert model.unscoped.update(created_at=NOON) == 0
            assert model.unscoped.all().delete()[0] == 0
    with acting_as(alice.pk):
        assert model.unscoped.values().get(pk=before["id"]) == before


def values_of(row: OwnedModel) -> dict[str, Any]:
    with acting_as(row.user_id):
        return dict(type(row).unscoped.values().get(pk=row.pk))


@each_model
def test_a_row_cannot_be_made_for_or_given_to_somebody_else(
    model: type[OwnedModel], alice: User, charlie: User
) -> None:
    row = FACTORIES[model](alice)
    with refused("permission denied" if model is EventLink else "row-level security"), acting_as(charlie.pk):
        row.save(force_insert=True)
    expected = "permission denied" if model in APPEND_ONLY else "row-level security"
    with refused(expected), acting_as(alice.pk):
        model.unscoped.filter(pk=row.pk).update(user=charlie)


def refused(words: str) -> Any:
    return pytest.raises((ProgrammingError, IntegrityError), match=words)


@pytest.mark.parametrize(("model", "key"), OWNERS_KEYS, ids=lambda given: getattr(given, "name", None))
def test_a_row_cannot_point_at_a_strangers(
    model: type[OwnedModel], key: SameOwner, alice: User, charlie: User
) -> None:
    field = model._meta.get_field(key.field)
    assert isinstance(field, ForeignKey)
    target: Any = field.remote_field.model
    theirs, mine = FACTORIES[target](alice), FACTORIES[target](charlie)
    with acting_as(charlie.pk):
        assert getattr(FACTORIES[model](charlie, **{key.field: mine}), field.attname) == mine.pk
    with refused(key.name), transaction.atomic():
        FACTORIES[model](charlie, **{key.field: theirs})


def test_every_reference_between_owned_models_is_a_same_owner_key() -> None:
    declared = {(model, key.field) for model, key in OWNERS_KEYS}
    found = {
        (model, field.name)
        for model in OWNED
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey) and field.remote_field.model in OWNED
    }
    assert declared == found
