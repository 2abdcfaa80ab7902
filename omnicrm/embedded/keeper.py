"""The process that keeps Postgres running for as long as anybody uses it, and not longer.

Everybody who uses the embedded Postgres holds `servers.lock` together with the others. The kernel gives a lock
back however its holder ends, so the keeper needs no farewell: when it can have the lock alone, it stops the server.
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from types import FrameType

from .home import Home
from .postgres import Postgres
from .processes import Lock, ServerError, wait_until

PAUSE = 0.2  # seconds


def keep(home: Home) -> None:
    """Run Postgres until nobody holds `servers.lock`; start it again when it dies. Returns at once if kept already."""
    ours = Lock(home.keeper_lock)
    if not wait_until(ours.take, 0.2):  # longer than somebody needs to ask whether it is held
        return
    users, server = Lock(home.servers_lock), Postgres(home)
    try:
        server.start()
        while not users.take():  # from here on newcomers wait for us to end
            if not server.running():
                say("Postgres died; starting it again.")
                server.start()
            time.sleep(PAUSE)
    finally:
        server.stop()


def say(sentence: str) -> None:
    sys.stderr.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} keeper: {sentence}\n")
    sys.stderr.flush()


def leave(signum: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def main() -> int:
    signal.signal(signal.SIGTERM, leave)
    try:
        keep(Home(Path(sys.argv[1])))
    except ServerError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
