"""Workers killed in the middle of an import and of an undo, again and again: the end is as if nothing had happened."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.letters import write_mailbox
from tests.jobs.site import Site, kill

pytestmark = pytest.mark.xdist_group("crashes")

MESSAGES = 500
PLAN = """
import sys
from pathlib import Path
from integrations.plan import start_plan_in_place
from jobs.foreground import work_until_settled
from omnicrm.models import User
user = User.objects.get_or_create(email=sys.stdin.readline().strip())[0]
print(work_until_settled(start_plan_in_place(user, Path(sys.stdin.readline().strip()))).pk)
"""
APPROVE = """
import sys
from integrations.approval import approve
from jobs.foreground import reload
from jobs.models import Batch
from omnicrm.acting import acting_as, as_role
pk = sys.stdin.readline().strip()
with as_role("dispatch"):
    batch = Batch.unscoped.get(pk=pk)
with acting_as(batch.user_id):
    approve(batch, batch.plan_hash)
"""
UNDO = APPROVE.replace(
    "from integrations.approval import approve", "from jobs.undo import start_undo"
).replace("approve(batch, batch.plan_hash)", "start_undo(batch)")
CONTENT = """
SELECT (SELECT count(*) FROM contacts_interaction WHERE user_id = u.id),
       (SELECT md5(string_agg(source_key || thread_key || visible_text, '|' ORDER BY source_key)) FROM contacts_interaction WHERE user_id = u.id),
       (SELECT count(*) FROM contacts_participant WHERE user_id = u.id),
       (SELECT md5(string_agg(primary_email || display_name || coalesce(last_interaction_at::text, ''), '|' ORDER BY primary_email))
            FROM contacts_contact WHERE user_id = u.id),
       (SELECT count(*) FROM contacts_contactidentity WHERE user_id = u.id),
       (SELECT count(*) FROM integrations_provenance WHERE user_id = u.id),
       (SELECT md5(string_agg(external_id || verdict, '|' ORDER BY external_id)) FROM integrations_rawevent WHERE user_id = u.id),
       (SELECT sum((data->>'count')::int) FROM omnicrm_event WHERE user_id = u.id AND action = 'interaction.added'),
       (SELECT count(*) FROM omnicrm_event WHERE user_id = u.id AND action = 'contact.created'),
       (SELECT done_steps = total_steps FROM jobs_batch WHERE user_id = u.id)
FROM omnicrm_user u WHERE u.email = %s
"""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        site = Site(
            Path(folder) / "site",
            JOB_LEASE_SECONDS=1,
            JOB_HEARTBEAT_SECONDS=1,
            JOB_SWEEP_SECONDS=1,
            JOB_MAX_CRASHES=99,
        )
        try:
            site.start()
            yield site
        finally:
            site.stop()


def batch_state(site: Site, pk: str) -> object:
    return site.ask("SELECT state FROM jobs_batch WHERE id = %s", pk)[0][0]


def work(site: Site, pk: str, wanted: str, *, kills: int, seed: int) -> int:
    """Run workers until the batch is in this state, killing the first ones; how many were killed at work."""
    rng, killed = random.Random(seed), 0
    end = time.monotonic() + 90
    while batch_state(site, pk) != wanted:
        assert time.monotonic() < end, (batch_state(site, pk), site.states())
        worker = site.run("django", "run_jobs", "--until-empty")
        if killed < kills:
            time.sleep(1.2 + rng.random() * 0.8)
            killed += worker.poll() is None
            kill(worker)
        else:
            worker.wait(60)
            time.sleep(0.3)
    return killed


@pytest.mark.parametrize("kills", [4, pytest.param(25, marks=pytest.mark.proof)])
def test_killed_again_and_again(site: Site, tmp_path: Path, kills: int) -> None:
    path = write_mailbox(tmp_path / "archive.mbox", MESSAGES)
    tmp_path.chmod(0o755)
    calm, hurt = (
        site.python(PLAN, f"{name}-{kills}@example.org\n{path}\n").strip() for name in ("calm", "hurt")
    )
    site.python(APPROVE, calm)
    work(site, calm, "done", kills=0, seed=1)
    site.python(APPROVE, hurt)
    assert work(site, hurt, "done", kills=kills, seed=kills) >= min(kills, 2)
    imported = [site.ask(CONTENT, f"{name}-{kills}@example.org")[0] for name in ("calm", "hurt")]
    assert imported[0][0] == MESSAGES
    assert imported[1] == imported[0]
    site.python(UNDO, hurt)
    work(site, hurt, "undone", kills=2, seed=3)
    left = site.ask(CONTENT, f"hurt-{kills}@example.org")[0]
    assert left[:2] + left[2:6] == (0, None, 0, None, 0, 0)
    assert site.ask("SELECT count(*) FROM contacts_suppression WHERE reason = 'undone'") == [(MESSAGES,)]
