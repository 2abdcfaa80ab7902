"""How long a new checkout takes to its first page: everything downloaded and installed, and then once more."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
OURS = ("OMNICRM_DATA", "DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "SECRET_KEY", "LOG_LEVEL")
"""What the bench has set for itself."""
PATIENCE = 300


def measures(folder: Path) -> Iterator[dict[str, Any]]:
    """`make run` in a copy of the project, with an empty cache of packages, and again."""
    copy = checkout(folder / "copy")
    for name, limit in (("cold, with an empty cache", 60), ("warm", 6)):
        seconds = first_page(copy, folder / "cache")
        yield {
            "measure": f"`make run` to the first page, {name}",
            "value": round(seconds, 1),
            "unit": "s",
            "limit": f"<= {limit}",
        }


def checkout(copy: Path) -> Path:
    """The project's files as they are now, without what was made from them."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listing.stdout.split("\0")):
        if (PROJECT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, copy / name)
    return copy


def first_page(copy: Path, cache: Path) -> float:
    port = free_port()
    environment = {key: value for key, value in os.environ.items() if key not in OURS}
    environment |= {"PORT": str(port), "UV_CACHE_DIR": str(cache), "PIP_NO_CACHE_DIR": "1"}
    began = time.perf_counter()
    process = subprocess.Popen(
        ["make", "run"], cwd=copy, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        while not answers(port):
            assert process.poll() is None, "`make run` ended."
            assert time.perf_counter() - began < PATIENCE, "No page came."
            time.sleep(0.05)
        return time.perf_counter() - began
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as page:
            return bool(page.status == 200)
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
