"""The front page, and the two questions that machines ask."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from contacts.appointments import coming_up
from contacts.listing import ordering
from contacts.models import Contact, Interaction, Task
from contacts.suggesting import open_suggestions
from integrations.cards import cards_of
from integrations.forms import ImportForm
from jobs.models import Batch
from omnicrm.keys import WrongKeys, refuse_wrong_keys
from omnicrm.models import User

COUNTED = 10_000
SHOWN = 8
MEETINGS, WEEK = 5, 7
NEWEST_FIRST = ordering("last_interaction_at", descending=True)


@login_not_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What OmniCRM is, for somebody new; how to begin, for an empty account; else what is to do today."""
    user = request.user
    if not user.is_authenticated:
        context = {"is_open": get_adapter().is_open_for_signup(request)}
        return render(request, "home/welcome.html", context)
    today = today_context(user)
    if today["is_begun"]:
        return render(request, "home/today.html", today)
    return render(request, "home/first_steps.html", {"form": ImportForm(), "limit": settings.MAX_UPLOAD})


def today_context(user: User) -> dict[str, Any]:
    """Counts, tasks, imports that wait or run, and whom one was in touch with last."""
    people = Contact.objects.for_user(user)
    open_tasks = Task.objects.for_user(user).open()
    batches = Batch.objects.for_user(user)
    waiting = batches.filter(state__in=[*Batch.UNFINISHED, Batch.State.PLANNED]).order_by("-created_at")
    context = {
        "people": bounded(people),
        "interactions": bounded(Interaction.objects.for_user(user)),
        "open_tasks": bounded(open_tasks),
        "suggested": bounded(open_suggestions(user)),
        "waiting": list(waiting[:SHOWN]),
        "tasks": list(open_tasks.in_order().select_related("contact")[:SHOWN]),
        "recent": list(people.exclude(last_interaction_at=None).order_by(*NEWEST_FIRST)[:SHOWN]),
        "newest": list(people.order_by("-created_at")[:SHOWN]),
        "alerts": [card for card in cards_of(user) if card.alert],
        "meetings": coming_up(user, limit=MEETINGS, days=WEEK),
        "today": timezone.localdate(),
        "counted": COUNTED,
    }
    return context | {"is_begun": bool(context["people"] or context["interactions"] or context["waiting"])}


def bounded(rows: QuerySet[Any]) -> int:
    """How many there are, up to one more than COUNTED: the page costs the same for a million."""
    return rows.order_by()[: COUNTED + 1].count()


@login_not_required
@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """This process answers."""
    return HttpResponse("ok", content_type="text/plain")


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Whether requests can be served: the database answers and is migrated. 503 otherwise."""
    try:
        executor = MigrationExecutor(connection)
        pending = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
        if not pending:
            refuse_wrong_keys()
    except OperationalError:
        return JsonResponse({"database": "unreachable"}, status=503)
    except WrongKeys:
        return JsonResponse({"database": "ok", "keys": "wrong"}, status=503)
    return JsonResponse({"database": "ok", "pending_migrations": pending}, status=503 if pending else 200)
