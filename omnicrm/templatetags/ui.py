"""What templates need beyond Django: icons, times that browsers show in their own zone, and numbers in words."""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Any
from uuid import UUID

from django import forms, template
from django.conf import settings
from django.contrib.humanize.templatetags.humanize import intcomma, naturaltime
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

TONES = 6
CLASSES = {
    forms.CheckboxInput: "form-check-input",
    forms.Select: "form-select",
    forms.RadioSelect: "",
}


@register.simple_tag
@cache
def icon(name: str, size: str = "") -> SafeString:
    """An icon from static/vendor/tabler-icons.svg, as tall as the text; `size` is empty, sm or lg. Decoration only."""
    return format_html(
        '<svg class="icon{}" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>',
        f" icon-{size}" if size else "",
        static("vendor/tabler-icons.svg"),
        name,
    )


@register.simple_tag
def sign_on_with() -> str:
    """The name of the provider that one may sign on through; empty where there is none."""
    return settings.OIDC_NAME if settings.OIDC_ISSUER else ""


@register.filter
def when(moment: dt.datetime | dt.date | None, shown: str = "day") -> str:
    """A `<time>` that reads as a day, a time, or how long ago ("ago"); the browser puts it in its own zone."""
    if moment is None:
        return ""
    if not isinstance(moment, dt.datetime):
        return format_html('<time datetime="{}">{}</time>', moment.isoformat(), f"{moment:%-d %b %Y}")
    local = timezone.localtime(moment)
    if shown == "ago":
        words = roughly(naturaltime(moment))
    else:
        words = f"{local:%H:%M}" if shown == "time" else f"{local:%-d %b %Y}"
    return format_html('<time datetime="{}" data-as="{}">{}</time>', local.isoformat(), shown, words)


def roughly(ago: str) -> str:
    """“3 days, 7 hours ago” is said as “3 days ago”."""
    first, _, rest = ago.partition(", ")
    return f"{first} {rest.rpartition(' ')[2]}" if rest.endswith("ago") else ago


@register.filter
def tone(key: UUID) -> str:
    """The colour class of somebody's initials: the same person always has the same."""
    return f"tone-{key.int % TONES}"


@register.filter
def count(number: int, words: str = "") -> str:
    """`3|count:"person,people"` reads "3 people", with thousands separated."""
    one, _, many = words.partition(",")
    return f"{intcomma(number)} {one if number == 1 else many or one}".strip()


@register.filter
def duration(seconds: float | None) -> str:
    """About how long, for people: "a few seconds", "about 3 minutes", "about 2 hours"."""
    if not seconds or seconds < 10:
        return "a few seconds"
    for size, name in ((3600, "hour"), (60, "minute")):
        if seconds >= size * 0.9:
            number = max(1, round(seconds / size))
            return f"about {number} {name}{'' if number == 1 else 's'}"
    return f"about {round(seconds / 10) * 10} seconds"


@register.filter("bytes")
def size(number: int) -> str:
    """A size as people read it: "512 bytes", "1.5 MB", "5 GB". static/js/app.js says it the same way."""
    value, units = float(number), ["bytes", "KB", "MB", "GB"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    shown = f"{value:.1f}" if units[0] != "bytes" and value < 10 else f"{value:.0f}"
    return f"{shown.removesuffix('.0')} {units[0]}"


@register.filter
def styled(field: forms.BoundField) -> SafeString:
    """The field's widget with the class that our stylesheet knows."""
    found = (name for kind, name in CLASSES.items() if isinstance(field.field.widget, kind))
    # Labels say what a field is for; a placeholder that repeats them only looks like something filled in.
    attributes: dict[str, Any] = {"class": next(found, "form-control"), "placeholder": False}
    if field.errors:
        attributes["class"] += " is-invalid"
    return field.as_widget(attrs=attributes)


@register.filter
def is_checkbox(field: forms.BoundField) -> bool:
    return isinstance(field.field.widget, forms.CheckboxInput)
