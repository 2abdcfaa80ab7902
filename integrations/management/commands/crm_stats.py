"""How much of everything a user has."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.db.models import Count, QuerySet

from contacts.models import Company, Contact, ContactIdentity, Interaction, Participant, Suggestion
from integrations.models import RawEvent
from jobs.models import Job
from omnicrm.acting import acting_as
from omnicrm.commands import JsonCommand, Result, user_by_email


class Command(JsonCommand):
    help = "Count a user's contacts, interactions, raw events and jobs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--user", required=True, metavar="EMAIL")

    def run(self, *, user: str, **options: Any) -> Result:
        owner = user_by_email(user)
        with acting_as(owner.pk):
            kinds = dict.fromkeys(Interaction.Kind.values, 0)
            states = dict.fromkeys(Job.State.values, 0)
            return {
                "contacts": Contact.objects.for_user(owner).count(),
                "identities": ContactIdentity.objects.for_user(owner).count(),
                "companies": Company.objects.for_user(owner).count(),
                "interactions": kinds | by(Interaction.objects.for_user(owner), "kind"),
                "participants": Participant.objects.for_user(owner).count(),
                "raw_events": by(RawEvent.objects.for_user(owner), "verdict"),
                "suggestions": Suggestion.objects.for_user(owner).count(),
                # Nothing embeds or draws insight yet; the keys are part of the contract with scripts.
                "embeddings": 0,
                "insights": 0,
                "jobs": states | by(Job.objects.for_user(owner), "state"),
            }


def by(rows: QuerySet[Any], column: str) -> dict[str, int]:
    return dict(rows.order_by(column).values_list(column).annotate(Count("id")))
