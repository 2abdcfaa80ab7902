"""Which job is next: fair between users, by priority and age within one user. One statement decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import IntegrityError, connection

from jobs.models import Job
from jobs.queue import handlers
from omnicrm.acting import as_role

NOBODY = UUID(int=0)
FIELDS = Job._meta.concrete_fields

# Read it from the inside. In each queue that was asked for, in order:
#   `lane`   the users with waiting work, one by one, beginning after the one who was served last;
#   `busy`   how many jobs of that user are running: at the cap, the user is passed over;
#   `sort`   the kinds of which that user has waiting work;
#   `first`  of each kind and priority the oldest due jobs, unless their mutex or their kind is taken;
#   `job`    of those the first three by rank: their time plus 15 s for each point of priority, so that five
#            minutes of waiting are worth one level.
# Nine such candidates are enough for workers that claim at the same moment. Of them `chosen` takes one that nobody
# else has locked: earlier queue, fewer running jobs, earlier turn, lower rank. `claimed` gives it lease and token,
# and `begun` moves its batch on.
#
# `walk` and `sort` hop through the claim's index from one user, or kind, to the next instead of reading all that
# waits, and Postgres goes only as far as a LIMIT asks: so the cost grows neither with the backlog nor with the number
# of users. Two things look odd and are for the planner: the long ORDER BYs name that index, because no other one
# sorts so; and `chosen` asks for jobs without token and end instead of queued ones, lest it walk all of those.
CLAIM = """
WITH RECURSIVE running AS MATERIALIZED (
    SELECT user_id, kind, count(*) AS jobs FROM jobs_job WHERE state = 'running' GROUP BY user_id, kind
), candidate AS MATERIALIZED (
    SELECT job.id, wanted.place, busy.jobs AS busy, lane.turn, job.rank
    FROM unnest(%(queues)s::text[], %(afters)s::uuid[]) WITH ORDINALITY AS wanted (queue, after, place)
    CROSS JOIN LATERAL (
        WITH RECURSIVE walk (user_id, turn, wrapped) AS (
            SELECT wanted.after, 0, false
            UNION ALL
            SELECT step.user_id, walk.turn + 1, step.wrapped FROM walk CROSS JOIN LATERAL (
                (SELECT user_id, walk.wrapped FROM jobs_job
                 WHERE state = 'queued' AND queue = wanted.queue AND user_id > walk.user_id
                   AND (NOT walk.wrapped OR user_id <= wanted.after) {of_user}
                 ORDER BY user_id, kind, priority, run_at, created_at LIMIT 1)
                UNION ALL
                SELECT %(nobody)s::uuid, true WHERE NOT walk.wrapped
                LIMIT 1
            ) AS step
        )
        SELECT user_id, turn FROM walk WHERE turn > 0 AND user_id <> %(nobody)s::uuid
    ) AS lane
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(jobs), 0) AS jobs FROM running WHERE user_id = lane.user_id
    ) AS busy
    CROSS JOIN LATERAL (
        WITH RECURSIVE sort (kind) AS (
            SELECT ''::varchar
            UNION ALL
            SELECT step.kind FROM sort CROSS JOIN LATERAL (
                SELECT kind FROM jobs_job
                WHERE state = 'queued' AND queue = wanted.queue AND user_id = lane.user_id AND kind > sort.kind
                ORDER BY kind, priority, run_at, created_at LIMIT 1
            ) AS step
        )
        SELECT first.id, first.run_at + level.priority * interval '15 seconds' AS rank
        FROM sort
        JOIN unnest(%(kinds)s::text[], %(limits)s::int[]) AS known (kind, most) USING (kind)
        CROSS JOIN unnest(%(priorities)s::int[]) AS level (priority)
        CROSS JOIN LATERAL (
            SELECT id, run_at, created_at FROM jobs_job AS one
            WHERE state = 'queued' AND queue = wanted.queue AND user_id = lane.user_id
              AND kind = known.kind AND priority = level.priority AND run_at <= statement_timestamp()
              AND NOT EXISTS (
                  SELECT FROM jobs_job AS other WHERE other.state = 'running'
                  AND other.user_id = one.user_id AND other.mutex_key = one.mutex_key
              )
            ORDER BY run_at, created_at LIMIT 3
        ) AS first
        WHERE known.most IS NULL OR known.most > coalesce(
            (SELECT jobs FROM running WHERE user_id = lane.user_id AND kind = known.kind), 0)
        ORDER BY rank, first.created_at LIMIT 3
    ) AS job
    WHERE busy.jobs < %(cap)s
    LIMIT 9
), chosen AS (
    SELECT job.id FROM jobs_job AS job JOIN candidate USING (id)
    WHERE job.id = ANY (ARRAY(SELECT id FROM candidate)) AND job.token IS NULL AND job.finished_at IS NULL
    ORDER BY candidate.place, candidate.busy, candidate.turn, candidate.rank, job.created_at
    LIMIT 1 FOR UPDATE OF job SKIP LOCKED
), claimed AS (
    UPDATE jobs_job AS job SET
        state = 'running', token = nextval('jobs_job_token'), worker = %(worker)s, attempt = attempt + 1,
        lease_until = clock_timestamp() + make_interval(secs => %(lease)s),
        started_at = coalesce(started_at, clock_timestamp()), updated_at = clock_timestamp(),
        cancel_requested_at = coalesce(cancel_requested_at, (
            SELECT batch.cancel_requested_at FROM jobs_batch AS batch
            WHERE batch.id = job.batch_id AND batch.state IN ('planning', 'approved', 'running')))
    FROM chosen WHERE job.id = chosen.id
    RETURNING job.*
), begun AS (
    UPDATE jobs_batch AS batch SET state = 'running', updated_at = clock_timestamp()
    FROM claimed WHERE batch.id = claimed.batch_id AND batch.state = 'approved'
)
SELECT {columns} FROM claimed
"""

SETTINGS = (
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; "
    "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; "
    "SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL synchronous_commit = off"
)
"""Planning takes longer than claiming, so the plan is kept; it must be right for a full table too. And a claim that
is forgotten in a crash of Postgres does no harm: only ends of jobs must last, so only they wait for the disk."""

_served: dict[str, UUID] = {}
"""By queue: whom this process served last."""


def claim(
    queues: Sequence[str], worker: str, *, user_id: UUID | None = None, kind: str | None = None
) -> Job | None:
    """Take the next due job of these queues, an earlier queue first, with a lease and a token; None if there is none.

    Only kinds that this process can handle are taken, so a worker of last week leaves this week's kinds alone.
    """
    known = [handler for handler in handlers.values() if kind in (None, handler.kind)]
    values = {
        "queues": list(queues),
        "afters": [_served.get(queue, NOBODY) for queue in queues],
        "nobody": NOBODY,
        "user": user_id,
        "kinds": [handler.kind for handler in known],
        "limits": [handler.concurrency for handler in known],
        "priorities": Job.Priority.values,
        "cap": settings.JOB_RUNNING_PER_USER,
        "worker": worker[:100],
        "lease": settings.JOB_LEASE_SECONDS,
    }
    for _ in range(5):
        try:
            job = _claim(values)
        except IntegrityError:  # somebody took the same mutex at the same moment; now it is seen to be taken
            continue
        if job is not None:
            _served[job.queue] = job.user_id
        return job
    return None


def _claim(values: dict[str, Any]) -> Job | None:
    of_user = "AND user_id = %(user)s::uuid" if values["user"] else ""
    columns = ", ".join(f'claimed."{field.column}"' for field in FIELDS)
    statement = CLAIM.format(of_user=of_user, columns=columns)
    with as_role("dispatch"), connection.cursor() as cursor:
        cursor.execute(SETTINGS)
        # Past Django's cursor, which never prepares a statement.
        connection.connection.prepare_threshold = 5
        with connection.wrap_database_errors:
            row = psycopg.Cursor(connection.connection).execute(statement, values, prepare=True).fetchone()
    return _job(row) if row else None


def _job(row: Sequence[Any]) -> Job:
    values = [
        field.from_db_value(value, None, connection) if hasattr(field, "from_db_value") else value
        for field, value in zip(FIELDS, row, strict=True)
    ]
    return Job.from_db("default", [field.attname for field in FIELDS], values)
