"""Starting, recognizing and outliving operating-system processes."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded here: a forked child should only call


class ServerError(Exception):
    """Something that a person has to mend; the message says what and how."""


def die_with_parent(how: signal.Signals) -> Callable[[], None] | None:
    """A preexec_fn: the kernel sends `how` to the child when the thread that started it ends, even by SIGKILL.

    Linux only; elsewhere None, and the next start cleans up what was left behind.
    """
    if _libc is None:
        return None
    parent, prctl = os.getpid(), _libc.prctl

    def ask_the_kernel() -> None:
        prctl(PR_SET_PDEATHSIG, int(how))
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return ask_the_kernel


def command_line(pid: int) -> str:
    """The whole command line of a process, or nothing when there is no such process (or only its zombie)."""
    proc = Path("/proc")
    if (proc / "self").exists():
        try:
            return (proc / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    # -ww: otherwise ps cuts the line to $COLUMNS
    return subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout


def pid_in(file: Path, marker: str) -> int | None:
    """The process that a pid file names, if its command line holds `marker`; pids are used again by strangers."""
    try:
        pid = int(file.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return pid if pid > 0 and marker in command_line(pid) else None


def wait_until(condition: Callable[[], bool], seconds: float, pause: float = 0.02) -> bool:
    """Whether `condition` came true within that time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True


class Lock:
    """An flock on a file. The kernel lets go when the last process that holds it ends, however it ends."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def share(self) -> None:
        """Hold it together with others; waits while somebody holds it alone."""
        fcntl.flock(self.fd, fcntl.LOCK_SH)

    def take(self) -> bool:
        """Hold it alone, if nobody else holds it now."""
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        fcntl.flock(self.fd, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self.fd)


def is_locked(file: Path) -> bool:
    """Whether some process holds this lock alone. Asking does not disturb others who ask."""
    lock = Lock(file)
    try:
        fcntl.flock(lock.fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        lock.close()
    return False


def last_lines(file: Path, count: int = 8) -> str:
    """The end of a log, for an error message."""
    try:
        return "\n".join(file.read_text(errors="replace").splitlines()[-count:])
    except OSError:
        return ""
