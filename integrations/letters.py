"""A letter as it was sent, in a page of its own that may do nothing: no script, no request, no form, no frame of ours."""

from __future__ import annotations

import zlib
from uuid import UUID

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from contacts.models import Interaction
from integrations.mail import message
from integrations.mail.safe_html import safe_html
from integrations.models import Provenance, RawEvent
from omnicrm.crypto import CannotOpen
from omnicrm.http import AuthedRequest
from omnicrm.owned import owned_or_404

POLICY = {
    "sandbox": ["allow-popups", "allow-popups-to-escape-sandbox"],
    "default-src": [NONE],
    "style-src": [SELF, UNSAFE_INLINE],
    "form-action": [NONE],
    "base-uri": [NONE],
    "frame-ancestors": [SELF],
}
"""Inline styles are the letter's own, sifted; there is nothing else that they could reach."""


@require_safe
@csp(POLICY)  # type: ignore[arg-type]  # its types know of no narrower request
def as_sent(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """An e-mail as its author's program wrote it: the HTML, sanitized, or the plain text."""
    rows = Interaction.objects.for_user(request.user).filter(kind=Interaction.Kind.EMAIL)
    interaction = owned_or_404(rows, pk=pk)
    context = {"interaction": interaction, **letter(interaction)}
    response = render(request, "integrations/letter.html", context)
    response["X-Frame-Options"], response["Referrer-Policy"] = "SAMEORIGIN", "no-referrer"
    return response


def letter(interaction: Interaction) -> dict[str, str]:
    """What the page shows: `html` that may be put into it as it is, or `text`, or a `refusal`."""
    sources = Provenance.objects.for_user(interaction.user_id).filter(interaction=interaction)
    kept = RawEvent.objects.for_user(interaction.user_id).filter(pk__in=sources.values("raw_event_id"))
    raw = kept.exclude(payload=None).order_by("created_at").first()
    if raw is None:
        return {"refusal": "The message itself was not kept; what stands above is all there is."}
    try:
        parsed = message.parse(raw.content)
        return {"html": safe_html(parsed.html)} if parsed.html else {"text": parsed.text}
    except (CannotOpen, zlib.error):
        return {"refusal": "This message was damaged where it is kept. Tell whoever runs this server."}
    except ValueError as refusal:
        return {"refusal": str(refusal)}
