"""Imports, changes by hand and undos in any order: found by searching, not by examples."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.factories import make_user
from tests.integrations.files import ADA, CHARLES, EMAILS, GRACE, Written, files
from tests.integrations.world import EDITS, World, state_of

# Not shrunk: that takes minutes, and a life of ten steps can be read as it is.
FEW = settings(
    max_examples=10, derandomize=True, phases=[Phase.generate], report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
MANY = settings(FEW, max_examples=150, derandomize=False, print_blob=True)

nth = st.integers(0, 3)
imports = st.tuples(st.just("import"), nth, st.booleans())
cancelled = st.tuples(st.just("cancel"), nth, st.integers(0, 3))
undos = st.tuples(st.just("undo"), nth)
edits = st.one_of(
    st.tuples(st.sampled_from(sorted(EDITS)), nth),
    st.tuples(st.just("create"), st.sampled_from([ADA, GRACE, CHARLES]), st.sampled_from(["", *EMAILS[:3]])),
)
some_files = st.lists(files, min_size=1, max_size=4, unique_by=lambda file: file.name)
steps = st.lists(st.one_of(imports, imports, cancelled, undos, edits, edits), min_size=1, max_size=10)
untouched = st.lists(st.one_of(imports, imports, cancelled, undos), min_size=1, max_size=8)


@contextmanager
def world(files: list[Written]) -> Iterator[World]:
    """A new user. Everything is committed: a lease that another connection cannot see would count as lost."""
    with tempfile.TemporaryDirectory() as folder:
        yield World(make_user("alice"), Path(folder), files)


def live(files: list[Written], steps: list[tuple[Any, ...]], order: int) -> None:
    with world(files) as here:
        for step in steps:
            here.do(step)
        here.undo_all(random.Random(order).shuffle)
        left = state_of(here.user)
        assert [row for row in left.values() if row.batch] == []
        if not here.edits:
            assert left == {}


@FEW
@given(files=some_files, steps=untouched, order=st.integers(0, 99))
def test_imports_alone_leave_nothing(
    transactional_db: None, files: list[Written], steps: list[Any], order: int
) -> None:
    live(files, steps, order)


@FEW
@given(files=some_files, steps=steps, order=st.integers(0, 99))
def test_a_life(transactional_db: None, files: list[Written], steps: list[Any], order: int) -> None:
    live(files, steps, order)


@pytest.mark.proof
@MANY
@given(files=some_files, steps=steps, order=st.integers(0, 99))
def test_many_lives(
    transactional_db: None,
    record_property: Callable[[str, str], None],
    files: list[Written],
    steps: list[Any],
    order: int,
) -> None:
    live(files, steps, order)
    record_property("undo", f"{MANY.max_examples} random lives of imports, edits and undos: every undo exact")
