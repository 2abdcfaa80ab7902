"""Whether this worker has been asked to stop. One byte that a worker shares with the children it forks."""

from __future__ import annotations

import mmap

_asked = mmap.mmap(-1, 1)


def ask(yes: bool = True) -> None:
    """Claim no more; running jobs go back to their queue at their next check."""
    _asked[0] = int(yes)


def asked() -> bool:
    return bool(_asked[0])
