"""`make reset`: remove the data folder's contents, when nobody uses them."""

from __future__ import annotations

import shutil
import sys

from .account import OUTSIDE
from .home import Home
from .processes import Lock, wait_until


def reset(home: Home) -> str:
    """Remove servers' data, files and logs of this folder. Returns what happened, in words."""
    if not home.path.exists():
        return f"There was nothing in {home.path}."
    users, runs = Lock(home.servers_lock), Lock(home.up_lock)
    if not (runs.take() and wait_until(users.take, 5)):
        raise SystemExit(
            f"Something still uses {home.path}. Stop `make run` and running commands, then try again."
        )
    keep = {home.servers_lock, home.up_lock, home.path / "uv"}  # who waits for a lock must find the same file
    for place in set(home.path.iterdir()) - keep:
        shutil.rmtree(place) if place.is_dir() and not place.is_symlink() else place.unlink()
    for elsewhere in (home.run_dir, OUTSIDE / home.run_dir.name):
        shutil.rmtree(elsewhere, ignore_errors=True)
    return f"Removed what was in {home.path}. `make run` begins anew."


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{reset(Home.from_env())}\n")
    except OSError as error:
        raise SystemExit(
            f"{error.filename} cannot be removed ({error.strerror}). Run this as the account that made it."
        ) from None
