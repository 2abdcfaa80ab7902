"""What templates say of jobs."""

from __future__ import annotations

from django import template

from jobs.models import Job

register = template.Library()

NAMES = {
    "plan_import": "Plan an import",
    "file_import": "Import a file",
    "normalize": "Sort what was imported to people",
    "google_calendar_plan": "Plan the import of a calendar",
    "hold_meetings": "Put meetings that took place into the history",
    "export": "Export everything",
    "bring_in": "Bring an export in",
    "erase": "Erase the account",
    "forget_account": "Remove what a Google account brought",
    "undo": "Take a change back",
    "embed": "Prepare the search by meaning",
    "insight": "Look for what matters",
    "extract_contacts": "Find people",
    "purge": "Tidy up",
}

STATES = {
    Job.State.QUEUED: "Waiting",
    Job.State.RUNNING: "At work",
    Job.State.SUCCEEDED: "Done",
    Job.State.DEAD: "Failed",
    Job.State.CANCELLED: "Cancelled",
}


@register.filter
def job_name(job: Job) -> str:
    """What it does, in words. A kind without an entry reads as itself."""
    return NAMES.get(job.kind, job.kind.replace("_", " ").capitalize())


@register.filter
def job_state(job: Job) -> str:
    return STATES[Job.State(job.state)]
