from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from omnicrm.embedded.account import OUTSIDE, Account, account, within_reach
from omnicrm.embedded.processes import ServerError

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, whose servers run as nobody")


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Path]:
    """A program of a package in a closed folder, with a library beside the package, as wheels have it."""
    pack = f"pack{uuid4().hex}"  # told from those of a test that runs beside us
    for name, text in {
        f"{pack}/bin/hello": f"#!/bin/sh\ncat $(dirname $0)/../../{pack}.libs/words\n",
        f"{pack}.libs/words": "hi",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    (tmp_path / pack / "bin/hello").chmod(0o700)
    tmp_path.chmod(0o700)
    yield tmp_path / pack / "bin/hello"
    for copied in OUTSIDE.glob(f"omnicrm-bin-*/{pack}"):
        shutil.rmtree(copied.parent)


@as_root
def test_a_program_in_a_closed_folder_is_copied_to_where_nobody_can_run_it(program: Path) -> None:
    package = program.parent.parent
    copy = within_reach(program, package)
    assert copy != program
    assert account().reaches(copy)
    assert subprocess.check_output([copy], text=True, **account().drop) == "hi"
    assert within_reach(program, package) == copy
    assert stat.S_IMODE(program.stat().st_mode) == 0o700
    os.utime(program, (1, 1))  # another version in its place
    assert within_reach(program, package) != copy


@as_root
def test_a_copy_that_we_did_not_make_is_not_run(program: Path) -> None:
    copy = within_reach(program, program.parent.parent)
    os.chown(copy.parents[2], 4242, 4242)
    with pytest.raises(ServerError, match="was not made by OmniCRM"):
        within_reach(program, program.parent.parent)


def test_reach_follows_owner_group_and_others(tmp_path: Path) -> None:
    folder = Path("/var/tmp")
    place = tmp_path / "inside"
    place.mkdir(mode=0o711)
    assert Account(65534, 65534, {}).reaches(folder)
    tmp_path.chmod(0o700)
    assert not Account(4242, 4242, {}).reaches(place)
