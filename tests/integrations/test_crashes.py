"""Workers killed in the middle of an import and of an undo, at known places: the end is as if nothing had happened."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.letters import write_mailbox
from tests.jobs.site import Site
from tests.jobs.stops import RUN_JOBS, killed_at

pytestmark = pytest.mark.xdist_group("crashes")

BEFORE, MESSAGES, PAGE = 60, 500, 200

PLAN = """
import sys
from pathlib import Path
from integrations.approval import approve
from integrations.plan import start_plan_in_place
from jobs.foreground import work_until_settled
from jobs.restore import state_hash
from omnicrm.acting import acting_as
from omnicrm.models import User
before, archive, *emails = sys.stdin.read().split()
for email in emails:
    user = User.objects.create_user(email)
    plan = work_until_settled(start_plan_in_place(user, Path(before)))
    with acting_as(user.pk):
        approve(plan, plan.plan_hash)
    work_until_settled(plan)
    plan = work_until_settled(start_plan_in_place(user, Path(archive)))
    with acting_as(user.pk):
        print(plan.pk, state_hash(user.pk))
"""
"""Each of these people has read one archive, and planned a larger one that holds the same and more."""

FIND = """
import sys
from integrations.approval import approve
from jobs.foreground import work_until_settled
from jobs.models import Batch
from jobs.restore import state_hash
from jobs.undo import start_undo
from omnicrm.acting import acting_as, as_role
pk = sys.stdin.readline().strip()
with as_role("dispatch"):
    batch = Batch.unscoped.get(pk=pk)
"""
IN_NAME = f"{FIND}with acting_as(batch.user_id): "
APPROVE = f"{IN_NAME}approve(batch, batch.plan_hash)\n"
UNDO = f"{IN_NAME}start_undo(batch)\n"
HASH = f"{IN_NAME}print(state_hash(batch.user_id))\n"
FINISH = "work_until_settled(batch)\n"

CONTENT = """
SELECT (SELECT count(*) FROM contacts_interaction WHERE user_id = u.id),
       (SELECT md5(string_agg(source_key || thread_key || visible_text, '|' ORDER BY source_key)) FROM contacts_interaction WHERE user_id = u.id),
       (SELECT count(*) FROM contacts_participant WHERE user_id = u.id),
       (SELECT md5(string_agg(primary_email || display_name || coalesce(last_interaction_at::text, ''), '|' ORDER BY primary_email))
            FROM contacts_contact WHERE user_id = u.id),
       (SELECT count(*) FROM contacts_contactidentity WHERE user_id = u.id),
       (SELECT count(*) FROM integrations_provenance WHERE user_id = u.id),
       (SELECT md5(string_agg(external_id || verdict || coalesce(octet_length(payload), 0), '|' ORDER BY source, external_id))
            FROM integrations_rawevent WHERE user_id = u.id),
       (SELECT md5(string_agg(scope || key || reason, '|' ORDER BY scope, key)) FROM contacts_suppression WHERE user_id = u.id),
       (SELECT jsonb_object_agg(action, n) FROM (SELECT action, sum(coalesce((data->>'count')::int, 1)) AS n
            FROM omnicrm_event WHERE user_id = u.id GROUP BY action) counted),
       (SELECT jsonb_agg(jsonb_build_array(state, done_steps, total_steps, totals #- '{estimate_seconds}' #- '{undo,kept}')
            ORDER BY created_at) FROM jobs_batch WHERE user_id = u.id)
FROM omnicrm_user u WHERE u.email = %s
"""
"""All that may be seen of a person's data and of what was done to it. Rows by their names, not their numbers."""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        site = Site(
            Path(folder) / "site",
            JOB_LEASE_SECONDS=2,
            JOB_HEARTBEAT_SECONDS=1,
            JOB_SWEEP_SECONDS=1,
            JOB_MAX_CRASHES=99,
        )
        try:
            site.start()
            yield site
        finally:
            site.stop()


def planned(site: Site, folder: Path, *emails: str) -> list[list[str]]:
    """For each of these new people: the plan that waits for approval, and the hash of what they have."""
    files = [write_mailbox(folder / f"{count}.mbox", count) for count in (BEFORE, MESSAGES)]
    folder.chmod(0o755)
    lines = site.python(PLAN, "\n".join(map(str, [*files, *emails]))).splitlines()
    return [line.split() for line in lines]


def content(site: Site, email: str) -> tuple[object, ...]:
    return site.ask(CONTENT, email)[0]


def count(site: Site, table: str, batch: str) -> int:
    return int(str(site.ask(f"SELECT count(*) FROM {table} WHERE batch_id = %s", batch)[0][0]))


def let_time_pass(site: Site) -> None:
    """Until the lease of who was killed has run out."""
    site.ask("UPDATE jobs_job SET crashes = 0, lease_until = now() WHERE state = 'running' RETURNING 1")


# --- at known places

EVENTS = "LOCK TABLE omnicrm_event IN SHARE MODE"
SOURCEFILES = "LOCK TABLE integrations_sourcefile IN ACCESS EXCLUSIVE MODE"


def event(batch: str, calm: str, number: int) -> str:
    """Hold the key of one entry of the archive: whoever keeps it must wait."""
    return same_key("integrations_rawevent", batch, f"batch_id = '{calm}' ORDER BY position OFFSET {number}")


def message(batch: str, calm: str, number: int) -> str:
    """The same for the interaction that the entry becomes."""
    entries = f"SELECT external_id FROM integrations_rawevent WHERE batch_id = '{calm}' ORDER BY position"
    return same_key(
        "contacts_interaction",
        batch,
        f"batch_id = '{calm}' AND source_key = ({entries} OFFSET {number} LIMIT 1)",
    )


def same_key(table: str, batch: str, which: str) -> str:
    """A row of the twin's under the name of this batch's owner; it is never committed."""
    owner = f"(SELECT user_id FROM jobs_batch WHERE id = '{batch}')"
    other = f"jsonb_build_object('id', gen_random_uuid(), 'batch_id', NULL, 'user_id', {owner})"
    return f"INSERT INTO {table} SELECT (jsonb_populate_record(t, {other})).* FROM {table} t WHERE {which} LIMIT 1"


def row(table: str, batch: str, share: float, lock: str = "UPDATE") -> str:
    """Hold a row of the batch, so far along in the order in which they were made."""
    place = f"floor({share} * (SELECT count(*) FROM {table} WHERE batch_id = '{batch}'))"
    return f"SELECT 1 FROM {table} WHERE batch_id = '{batch}' ORDER BY id OFFSET {place} LIMIT 1 FOR {lock}"


def import_at_each_place(site: Site, batch: str, calm: str) -> None:
    """Killed five times, each time later; what was committed is there, and nothing else."""
    in_page_1, in_page_2 = event(batch, calm, PAGE // 2), event(batch, calm, PAGE + PAGE // 2)
    last_contact = row("contacts_contact", batch, 0.5, lock="NO KEY UPDATE")
    keeping, recording = 'INSERT INTO "integrations_rawevent"', 'INSERT INTO "contacts_interaction"'
    places = [
        ([in_page_1], keeping, True, (0, 0)),
        ([in_page_2], keeping, True, (PAGE, 0)),
        ([in_page_2, SOURCEFILES], "SELECT", False, (2 * PAGE, PAGE - BEFORE)),  # between two pages
        ([message(batch, calm, MESSAGES - 50)], recording, True, (MESSAGES, 2 * PAGE - BEFORE)),
        (
            [last_contact],
            "SELECT id FROM contacts_contact",
            True,
            (MESSAGES, 2 * PAGE - BEFORE),
        ),  # at the batch's end
    ]
    for place, statement, has_written, left in places:
        with killed_at(site, place) as at:
            assert (at.statement[: len(statement)], at.has_written) == (statement, has_written)
        kept = [count(site, table, batch) for table in ("integrations_rawevent", "contacts_interaction")]
        assert tuple(kept) == left, f"killed at {statement}"
        let_time_pass(site)


def undo_at_each_place(site: Site, batch: str) -> None:
    """Killed eight times, each time later; each time nothing at all has been taken back."""
    lock = f"SELECT pg_advisory_xact_lock(hashtextextended(user_id::text, 0)) FROM jobs_batch WHERE id = '{batch}'"
    itself = f"SELECT 1 FROM jobs_batch WHERE id = '{batch}' FOR UPDATE"
    job = "SELECT 1 FROM jobs_job WHERE kind = 'undo' AND state = 'running' FOR UPDATE"
    places = [
        ([itself], 'SELECT "jobs_batch"', False),
        ([lock], "SELECT pg_advisory_xact_lock", True),
        ([row("integrations_provenance", batch, 0.5)], "DELETE FROM integrations_provenance", True),
        ([row("contacts_interaction", batch, 0.5)], "DELETE FROM contacts_interaction", True),
        ([row("contacts_contact", batch, 0.99)], "DELETE FROM contacts_contact", True),
        ([row("integrations_rawevent", batch, 0.99)], "WITH gone AS", True),
        ([EVENTS], 'INSERT INTO "omnicrm_event"', True),
        ([EVENTS, job], 'UPDATE "jobs_job"', True),
    ]
    before = content(site, "hurt@example.org")
    for place, statement, has_written in places:
        with killed_at(site, place) as at:
            assert (at.statement[: len(statement)], at.has_written) == (statement, has_written)
        assert content(site, "hurt@example.org") == before, f"killed at {statement}"
        let_time_pass(site)


Report = Callable[[str, str], None]


def test_killed_at_known_places(site: Site, tmp_path: Path, record_property: Report) -> None:
    (calm, _), (hurt, before) = planned(site, tmp_path, "calm@example.org", "hurt@example.org")
    site.python(APPROVE + FINISH, calm)
    site.python(APPROVE, hurt)
    import_at_each_place(site, hurt, calm)
    site.python(FIND + FINISH, hurt)
    imported = content(site, "hurt@example.org")
    assert imported[0] == MESSAGES
    assert imported == content(site, "calm@example.org")
    site.python(UNDO + FINISH, calm)
    site.python(UNDO, hurt)
    undo_at_each_place(site, hurt)
    site.python(FIND + FINISH, hurt)
    assert site.python(HASH, hurt).strip() == before
    undone = content(site, "hurt@example.org")
    assert (undone[0], undone[5]) == (BEFORE, BEFORE)
    assert undone == content(site, "calm@example.org")
    record_property("undo", "an import killed at 5 known places and its undo at 8: as if undisturbed")


# --- at any place


def work(site: Site, batch: str, wanted: str, *, kills: int, seed: int) -> int:
    """Run workers until the batch is in this state, killing the first ones; how many were killed at work."""
    rng, killed = random.Random(seed), 0
    end = time.monotonic() + 90
    while (state := site.ask("SELECT state FROM jobs_batch WHERE id = %s", batch)[0][0]) != wanted:
        assert time.monotonic() < end, (state, site.states())
        worker = site.fork(RUN_JOBS.replace("'run_jobs'", "'run_jobs', until_empty=True"))
        if killed < kills:
            time.sleep(rng.random() * 0.5)
            killed += site.states().get("running", 0)
            worker.kill()
            let_time_pass(site)
        worker.wait()
    return killed


@pytest.mark.parametrize("kills", [4, pytest.param(25, marks=pytest.mark.proof)])
def test_killed_again_and_again(site: Site, tmp_path: Path, kills: int, record_property: Report) -> None:
    emails = [f"{name}-{kills}@example.org" for name in ("calm", "hurt")]
    (calm, _), (hurt, before) = planned(site, tmp_path, *emails)
    site.python(APPROVE + FINISH, calm)
    site.python(APPROVE, hurt)
    assert work(site, hurt, "done", kills=kills, seed=kills) >= kills
    assert content(site, emails[1]) == content(site, emails[0])
    site.python(UNDO, hurt)
    work(site, hurt, "undone", kills=2, seed=3)
    assert site.python(HASH, hurt).strip() == before
    record_property(
        "undo", f"an import whose worker was killed {kills} times, and its undo twice: as if undisturbed"
    )
