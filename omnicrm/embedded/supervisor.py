"""One foreground command that owns every process: start in order, prefix what they say, restart what dies,
stop in reverse order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import FrameType
from typing import Protocol

from .processes import ServerError, die_with_parent, wait_until

COLORS = {"up": 1, "setup": 90, "web": 32, "worker": 33, "beat": 36, "postgres": 34, "valkey": 35}
QUICK_DEATHS, QUICK = 5, 60.0
"""This many deaths of one process within this many seconds, and everything stops."""


class Stopped(Exception):
    """Somebody pressed Ctrl-C (or sent SIGTERM) while things were starting."""


class Service(Protocol):
    """What the supervisor looks after: an embedded server, or a program."""

    @property
    def name(self) -> str: ...
    def start(self) -> None: ...
    def running(self) -> bool: ...
    def stop(self, *, hurry: bool = False) -> None: ...


class Console:
    """Lines of several processes, each with its name in front."""

    def __init__(self) -> None:
        self._lock, self._colored = threading.Lock(), sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._readers: list[threading.Thread] = []

    def say(self, name: str, text: str) -> None:
        head = f"{name:<8} | "
        if self._colored:
            head = f"\033[{COLORS.get(name, 37)}m{head}\033[0m"
        with self._lock, suppress(BrokenPipeError):
            sys.stdout.write(f"{head}{text}\n")
            sys.stdout.flush()

    def pipe(self, name: str) -> int:
        """Where a process should write; it is shown line by line. The caller closes its copy."""
        reading, writing = os.pipe()
        reader = threading.Thread(target=self._show, args=(name, reading), daemon=True)
        reader.start()
        self._readers.append(reader)
        return writing

    def _show(self, name: str, reading: int) -> None:
        with os.fdopen(reading, errors="replace") as lines:
            for line in lines:
                self.say(name, line.rstrip("\n"))

    def drain(self) -> None:
        """Wait until the last words of those who ended are shown."""
        for reader in self._readers:
            reader.join(1)


class Program:
    """A child process in its own session, so that Ctrl-C reaches the supervisor alone."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        console: Console,
        *,
        environment: Mapping[str, str] | None = None,
        keep_open: Sequence[int] = (),
        patience: float = 30,
    ) -> None:
        self.name, self.arguments, self.console = name, list(arguments), console
        self.environment = {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})}
        self.keep_open, self.patience = tuple(keep_open), patience
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._kill_group()  # what a dead one's children still do must not meet the new one
        writing = self.console.pipe(self.name)
        self.process = subprocess.Popen(
            self.arguments,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=writing,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
            pass_fds=self.keep_open,
        )
        os.close(writing)

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ask_to_stop(self) -> None:
        if self.process is not None and self.running():
            self.process.terminate()

    def stop(self, *, hurry: bool = False) -> None:
        self.ask_to_stop()
        if not hurry:
            wait_until(lambda: not self.running(), self.patience)
        self._kill_group()

    def _kill_group(self) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Supervisor:
    """Use as a context: whatever was started inside is stopped at its end, in reverse order.

    What dies is started again after `pause` seconds, after twice that the next time, and so on.
    """

    def __init__(self, console: Console, *, pause: float = 0.25) -> None:
        self.console, self.pause = console, pause
        self.services: list[Service] = []
        self.stopping, self.hurry = threading.Event(), threading.Event()
        self._deaths: defaultdict[str, list[float]] = defaultdict(list)
        self._due: dict[str, float] = {}

    def __enter__(self) -> Supervisor:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _asked_to_stop(self, number: int, frame: FrameType | None) -> None:
        if self.stopping.is_set() and number == signal.SIGINT:
            self.hurry.set()
        self.stopping.set()

    def start(self, service: Service) -> None:
        self._check()
        self.services.append(service)  # before it starts: a half-started one must be stopped too
        service.start()

    def finish(self, *programs: Program) -> None:
        """Run programs side by side to their end. Raises ServerError when one fails."""
        for program in programs:
            self.start(program)
        for program in programs:
            while program.running():
                self._check()
                time.sleep(0.05)
            self.services.remove(program)
            if program.process is not None and program.process.returncode:
                raise ServerError(f"`{' '.join(program.arguments[-3:])}` failed; its words stand above.")

    def wait_for(self, ready: Callable[[], bool], seconds: float) -> bool:
        """Whether it became ready in time. Restarts what dies meanwhile."""
        end = time.monotonic() + seconds
        while not ready():
            self._check()
            self._look_after_all()
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def run(self) -> int:
        """Until somebody stops us (0), or until something keeps dying (1)."""
        try:
            while not self.stopping.wait(0.2):
                self._look_after_all()
        except ServerError as error:
            self.console.say("up", str(error))
            return 1
        return 0

    def _check(self) -> None:
        if self.stopping.is_set():
            raise Stopped

    def _look_after_all(self) -> None:
        now = time.monotonic()
        for service in self.services:
            if service.name in self._due:
                if now >= self._due[service.name]:
                    del self._due[service.name]
                    service.start()
            elif not service.running():
                self._bury(service, now)

    def _bury(self, service: Service, now: float) -> None:
        deaths = self._deaths[service.name] = [at for at in self._deaths[service.name] if now - at < QUICK]
        deaths.append(now)
        if len(deaths) >= QUICK_DEATHS:
            raise ServerError(
                f"{service.name} died {QUICK_DEATHS} times within a minute; stopping everything."
            )
        pause = self.pause * 2 ** (len(deaths) - 1)
        self._due[service.name] = now + pause
        self.console.say("up", f"{service.name} died{_how(service)}; starting it again in {pause:g} s")

    def stop(self) -> None:
        if self.services:
            self.console.say("up", "stopping (Ctrl-C again to hurry)")
        for service in self.services:  # the programs all at once, so that their time to finish runs together
            if isinstance(service, Program):
                service.ask_to_stop()
        while self.services:
            service = self.services.pop()
            if isinstance(service, Program):
                end = time.monotonic() + service.patience
                while service.running() and time.monotonic() < end and not self.hurry.wait(0.05):
                    pass
                service.stop(hurry=True)
            else:
                service.stop(hurry=self.hurry.is_set())
        self.console.drain()


def _how(service: Service) -> str:
    code = service.process.returncode if isinstance(service, Program) and service.process else None
    if code is None:
        return ""
    return f" of {signal.Signals(-code).name}" if code < 0 else f" with exit code {code}"
