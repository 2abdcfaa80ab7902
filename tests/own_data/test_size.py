"""An archive of a hundred thousand letters costs no more memory than a small one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.jobs.site import Site, eventually

pytestmark = pytest.mark.proof

MOST = 150  # megabytes
FILL = """
import sys, zlib
from bench.filling import fill
from bench.letters import letters
from integrations.models import RawEvent
from omnicrm.acting import acting_as
user = fill(sys.stdin.read(), "alice@example.org", contacts=2000, interactions=100_000)
raws = list(letters(200))
for start in range(0, 100_000, 1000):
    with acting_as(user.pk):
        RawEvent.unscoped.bulk_create([
            RawEvent(user=user, source="file:0", external_id=str(n), kind="email", verdict="kept",
                     payload=zlib.compress(raws[n % 200] + str(n).encode(), 1))
            for n in range(start, start + 1000)])
"""
RUN = """
import resource, sys, time
from django.core.management import call_command
began = time.process_time()
call_command(*sys.stdin.read().split(), stdout=sys.stderr)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000, round(time.process_time() - began))
"""


@pytest.fixture
def site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        site = Site(Path(folder) / "site")
        try:
            site.start()
            yield site
        finally:
            site.stop()


def run(site: Site, code: str, given: str) -> str:
    """What it prints, however long it takes."""
    fork = site.fork(code, given)
    assert eventually(lambda: not psutil.pid_exists(fork.pid), 1200)
    return fork.out.read_text()


def test_memory_stays_small(site: Site, tmp_path: Path, record_property: pytest.FixtureRequest) -> None:
    run(site, FILL, site.home.postgres_url("postgres"))
    run(site, RUN, "create_user charlie@example.org")
    path = tmp_path / "all.zip"
    for command in (f"export_user alice@example.org {path}", f"import_user charlie@example.org {path}"):
        megabytes, seconds = map(int, run(site, RUN, command).split())
        size = path.stat().st_size // 1_000_000
        record_property(command.split()[0], f"{megabytes} MB, {seconds} s of processor, a zip of {size} MB")  # type: ignore[operator]
        assert megabytes <= MOST, command
    counted = "SELECT count(*), count(DISTINCT user_id) FROM contacts_interaction"
    assert site.ask(counted) == [(200_000, 2)]
