"""Using the embedded Postgres: attach to the running one, or start it for as long as we need it."""

from __future__ import annotations

import subprocess
import sys
import time

from omnicrm import database

from .home import DATABASE, PROJECT, Home, is_embedded
from .postgres import Postgres
from .processes import Lock, ServerError, is_locked, last_lines, wait_until

OFFLINE = {
    "collectstatic",
    "compilemessages",
    "diffsettings",
    "doctor",
    "help",
    "makemessages",
    "setup_database",
    "up",
}
"""Commands that need no database, or look after it themselves."""


class Attachment:
    """A share in the embedded Postgres. It ends with `stop()` or with the process, however that ends."""

    name = "postgres"

    def __init__(self, home: Home) -> None:
        self.home, self.server = home, Postgres(home)
        self.share: Lock | None = None
        self.keeper: subprocess.Popen[bytes] | None = None
        self._seen: int | None = None

    def start(self, seconds: float = 60) -> None:
        """Returns when Postgres answers and has our roles and database. Raises ServerError with what to do."""
        if self.share is None:
            self.share = Lock(self.home.servers_lock)
        self.share.share()  # waits while a keeper is closing down
        end = time.monotonic() + seconds
        while not (self._kept() and self.server.answers()):
            self._see_to_a_keeper()
            if time.monotonic() > end:
                raise ServerError(f"Postgres did not answer within {seconds:.0f} seconds. {self._log()}")
            time.sleep(0.02)
        self._seen = self.server.pid()
        if not database.is_prepared(self.home.database_url):
            database.prepare(self.home.database_admin_url, name=DATABASE)

    def share_fd(self) -> int:
        """For programs that use Postgres on our behalf: whoever inherits it holds our share too."""
        assert self.share is not None, "start() first"
        return self.share.fd

    def running(self) -> bool:
        """Whether the Postgres that we found is still there, and somebody to see to it."""
        return self._kept() and self.server.pid() == self._seen

    def stop(self, *, hurry: bool = False) -> None:
        """Give the share back; if it was the last one, wait until Postgres has stopped."""
        if self.share is None:
            return
        last = self.share.take()
        self.share.close()
        self.share = None
        # The keeper notices soon. If it is still there but has not closed the door, somebody came just now.
        if last and not wait_until(self._gone, 1) and is_locked(self.home.servers_lock):
            wait_until(self._gone, 5 if hurry else 60)

    def _kept(self) -> bool:
        return is_locked(self.home.keeper_lock)

    def _gone(self) -> bool:
        return not self._kept()

    def _see_to_a_keeper(self) -> None:
        if self.keeper is not None and self.keeper.poll() is None:
            return
        if self.keeper is not None and self.keeper.returncode != 0:
            raise ServerError(f"Postgres could not be started. {self._log()}")
        if not self._kept():
            self.keeper = self._start_keeper()

    def _start_keeper(self) -> subprocess.Popen[bytes]:
        with self.home.log("postgres").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "omnicrm.embedded.keeper", str(self.home.path)],
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # it may outlive us: others may have come to use the server
            )

    def _log(self) -> str:
        log = self.home.log("postgres")
        return f"The end of {log} says:\n{last_lines(log)}"


_attachment: Attachment | None = None


def attach() -> None:
    """Keep the embedded Postgres running until this process ends."""
    global _attachment
    if _attachment is None:
        _attachment = Attachment(Home.from_env())
        _attachment.start()


def needs_database(arguments: list[str]) -> bool:
    """Whether this command line of manage.py will want a database that nobody else provides."""
    command = arguments[1] if len(arguments) > 1 else "help"
    asks_for_help = command.startswith("-") or bool({"-h", "--help"} & set(arguments))
    return not (asks_for_help or command in OFFLINE)


def attach_for(arguments: list[str]) -> None:
    """What manage.py does first. Raises ServerError or SetupRefused when there is no Postgres to be had."""
    if is_embedded("DATABASE_URL"):
        Home.from_env().make()
        if needs_database(arguments):
            attach()
