"""`make reset`: everything goes, but never while somebody uses it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from omnicrm.embedded.account import OUTSIDE
from omnicrm.embedded.home import PROJECT, Home

from .conftest import Person, environment
from .test_attach import ATTACH


def reset(home: Home) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "omnicrm.embedded.reset"],
        env=environment(home),
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


def test_all_of_it_goes_when_nobody_uses_it(home: Home, somebody: Callable[..., Person]) -> None:
    person = somebody(ATTACH).ready()
    (home.path / "media").mkdir()
    (home.path / "media" / "mail.mbox").write_text("From x")
    refused = f"Something still uses {home.path}. Stop `make run` and running commands, then try again.\n"
    assert reset(home) == (1, refused)
    assert person.leave() == "omnicrm_app\n"  # it was not harmed

    assert reset(home) == (0, f"Removed what was in {home.path}. `make run` begins anew.\n")
    assert {place.name for place in home.path.iterdir()} == {"servers.lock", "up.lock"}
    assert not home.run_dir.exists()
    assert not (OUTSIDE / home.run_dir.name).exists()


def test_there_may_be_nothing(home: Home) -> None:
    home.path.rmdir()
    assert reset(home) == (0, f"There was nothing in {home.path}.\n")
