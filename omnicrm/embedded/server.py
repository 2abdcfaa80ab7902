"""What the embedded servers have in common: one process for one data folder, ours or left behind by a killed run."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import IO, ClassVar

from .account import account, own, server_folder
from .home import Home
from .processes import ServerError, die_with_parent, last_lines, pid_in, wait_until

LOG_LIMIT = 5_000_000  # bytes; a longer log starts anew, the last one is kept


class Server(ABC):
    """`start()` returns when it answers; `stop()` when it is gone. Raises ServerError with what to do.

    A `throwaway` server trades safety on power loss for speed: for tests.
    """

    name: ClassVar[str]
    orphan_signal: ClassVar[signal.Signals]
    """How the kernel stops it when we are killed."""

    def __init__(self, home: Home, *, throwaway: bool = False) -> None:
        self.home, self.throwaway = home, throwaway
        self.folder = server_folder(home, self.name)
        self.process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """The program and its arguments. They hold `marker`, by which a left-over process is recognized."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it takes requests now."""

    @property
    @abstractmethod
    def pid_file(self) -> Path: ...

    @property
    @abstractmethod
    def marker(self) -> str: ...

    @abstractmethod
    def stop_signals(self, *, hurry: bool) -> list[signal.Signals]:
        """From polite to forceful."""

    def prepare(self) -> None:  # noqa: B027 - Valkey needs nothing
        """What must be there before the first start."""

    def pid(self) -> int | None:
        """The server of this data folder: our child, or one that a killed run left behind."""
        if self.process is not None and self.process.poll() is None:
            return self.process.pid
        return pid_in(self.pid_file, self.marker)

    def running(self) -> bool:
        """Whether the process that we started still lives."""
        return self.process is not None and self.process.poll() is None

    def start(self, seconds: float = 60) -> None:
        self.stop()  # what a killed run left behind: only our own child can be waited for and dies with us
        own(self.home.run_dir)
        own(self.folder)
        self.prepare()
        self._spawn()
        end = time.monotonic() + seconds
        while not self.answers():
            if not self.running():
                self._start_again()
            if time.monotonic() > end:
                self.stop(hurry=True)
                raise self._failure(f"{self.name} did not answer within {seconds:.0f} seconds.")
            time.sleep(0.02)
        self._attempts = 0

    _attempts = 0

    def _start_again(self) -> None:
        """After kill -9, a server's helpers hold its memory for a moment, and the next one is refused."""
        self._attempts += 1
        if self._attempts > 5:
            self._attempts = 0
            raise self._failure(f"{self.name} stops as soon as it starts.")
        time.sleep(0.1 * self._attempts)
        self._spawn()

    def _failure(self, sentence: str) -> ServerError:
        log = self.home.log(self.name)
        return ServerError(f"{sentence} The end of {log} says:\n{last_lines(log)}")

    def _spawn(self) -> None:
        with self._open_log() as log:
            self.process = subprocess.Popen(
                self.command(),
                cwd="/",
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal is for us alone
                preexec_fn=die_with_parent(self.orphan_signal),
                **account().drop,
            )

    def _open_log(self) -> IO[bytes]:
        log = self.home.log(self.name)
        if log.exists() and log.stat().st_size > LOG_LIMIT:
            log.rename(log.with_suffix(".log.1"))
        return log.open("ab")

    def stop(self, *, hurry: bool = False, seconds: float = 20) -> None:
        """Stop the server of this folder, also one that a killed run left behind."""
        for how in self.stop_signals(hurry=hurry):
            if (pid := self.pid()) is None:
                break
            with suppress(ProcessLookupError):
                os.kill(pid, how)
            wait_until(lambda: self.pid() is None, seconds)
        if self.process is not None:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(1)
