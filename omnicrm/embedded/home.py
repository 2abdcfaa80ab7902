"""Where an embedded installation lives: its data folder, its locks, its sockets and its URLs."""

from __future__ import annotations

import hashlib
import os
import secrets
import shlex
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from omnicrm.crypto import new_key

from .processes import ServerError

PROJECT = Path(__file__).resolve().parents[2]
DATABASE = "omnicrm"
PORT = 5432  # only names Postgres' socket file; nothing listens on TCP
LEAST_ROOM = 100_000_000  # bytes; a new database takes most of it, and a full disk stops Postgres


@dataclass(frozen=True)
class Home:
    """One data folder and everything that follows from its path; two folders never meet."""

    path: Path

    @classmethod
    def from_env(cls) -> Home:
        """The folder that OMNICRM_DATA names (a relative one from the project's root), by default `.local`."""
        folder = Path(os.environ.get("OMNICRM_DATA") or ".local").expanduser()
        return cls((PROJECT / folder).resolve())

    def make(self) -> None:
        """The folder, there for us to use. Raises ServerError with what to do."""
        elsewhere = "set OMNICRM_DATA to another folder"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            closed = [place for place in (self.path, *self.path.iterdir()) if _is_closed_to_us(place)]
        except OSError as error:
            raise ServerError(
                f"The data folder {self.path} cannot be used ({error.strerror}). Correct that, or {elsewhere}."
            ) from None
        if closed:
            raise ServerError(
                f"{closed[0]} may not be read and written by this account. "
                f"Run `{_opening(closed[0])}`, or {elsewhere}."
            )
        if (room := shutil.disk_usage(self.path).free) < LEAST_ROOM:
            raise ServerError(
                f"The disk of {self.path} has {room // 1_000_000} MB left, and OmniCRM needs "
                f"{LEAST_ROOM // 1_000_000} to start. Make room, or {elsewhere}."
            )

    @property
    def run_dir(self) -> Path:
        """Where the sockets are. A socket's path may have 103 bytes (macOS), so it cannot be in the data folder."""
        key = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:10]
        return Path("/tmp") / f"omnicrm-{os.getuid()}-{key}"  # noqa: S108 # nosec B108 - its owner and mode are checked

    @property
    def database_url(self) -> str:
        """For web, worker and commands: the role that row-level security binds and that may change no schema."""
        return self.postgres_url("omnicrm_app")

    @property
    def database_owner_url(self) -> str:
        """For migrations: the role that owns the schema."""
        return self.postgres_url("omnicrm_owner")

    @property
    def database_admin_url(self) -> str:
        """For setting up: the superuser of the embedded server, in its own database."""
        return self.postgres_url("postgres", "postgres")

    def postgres_url(self, role: str, database: str = DATABASE) -> str:
        """A URL that both psycopg and dj-database-url read."""
        return f"postgresql://{role}@{quote(str(self.run_dir), safe='')}:{PORT}/{database}"

    @property
    def valkey_socket(self) -> Path:
        return self.run_dir / "valkey.sock"

    @property
    def redis_url(self) -> str:
        """As redis-py and Django's cache read it; Celery wants `broker_url(…)` of it."""
        return f"unix://{self.valkey_socket}?db=0"

    @property
    def servers_lock(self) -> Path:
        """Shared by everybody who uses Postgres; whoever can have it alone may stop the server."""
        return self.path / "servers.lock"

    @property
    def keeper_lock(self) -> Path:
        """Held by the one process that keeps Postgres running."""
        return self.path / "keeper.lock"

    @property
    def up_lock(self) -> Path:
        """Held by the one `manage.py up` of this folder."""
        return self.path / "up.lock"

    def log(self, name: str) -> Path:
        """What a server of this folder wrote."""
        return self.path / f"{name}.log"

    def secret_key(self) -> str:
        """Django's SECRET_KEY of this installation, made on first use and readable by its owner alone."""
        return self.made_once("secret_key", lambda: secrets.token_urlsafe(64))

    def sealing_keys(self) -> str:
        """OMNICRM_KEYS of this installation, likewise. Whoever loses this file loses what was sealed."""
        return self.made_once(self.sealing_key_file.name, new_key)

    @property
    def sealing_key_file(self) -> Path:
        return self.path / "keys"

    def made_once(self, name: str, make: Callable[[], str]) -> str:
        file = self.path / name
        if not file.exists():
            self.make()
            draft = self.path / f"{name}.{os.getpid()}.{secrets.token_hex(4)}"
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
                out.write(make())
            with suppress(FileExistsError):  # a link never replaces: of two first runs, one wins
                os.link(draft, file)
            draft.unlink()
        return file.read_text().strip()


def _is_closed_to_us(place: Path) -> bool:
    return not os.access(place, os.R_OK | os.W_OK) and place.exists()  # some come and go while we look


def _opening(place: Path) -> str:
    """What to type so that we may use a file or folder: it is ours and closed, or somebody else's."""
    mine = place.stat().st_uid == os.geteuid()
    return f"{'chmod u+rwX' if mine else f'sudo chown -R {os.geteuid()}'} {shlex.quote(str(place))}"


def is_embedded(variable: str) -> bool:
    """Whether nothing replaces the embedded server: DATABASE_URL or REDIS_URL, or the file that NAME_FILE points at."""
    return not (os.environ.get(variable, "").strip() or os.environ.get(f"{variable}_FILE"))


def broker_url(redis_url: str) -> str:
    """The same server in the words of Celery, which spells unix sockets `redis+socket://` and db `virtual_host`."""
    url = urlsplit(redis_url)
    if url.scheme != "unix":
        return redis_url
    database = parse_qs(url.query).get("db", ["0"])[0]
    return f"redis+socket://{url.path}?virtual_host={database}"
