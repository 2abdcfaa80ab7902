"""The choices of an account, as a person fills them in."""

from __future__ import annotations

from typing import Any

from django import forms

from integrations.preferences import MOST_ATTENDEES, BadPreferences, Category, Creation, Keep, Preferences

WINDOWS = {
    "30": "The last 30 days",
    "90": "The last 90 days",
    "365": "The last year",
    "1095": "The last three years",
    "all": "All mail there is",
}
LONGEST_LIST = 30_000


class PreferencesForm(forms.Form):
    """Each field says what it changes. What is wrong stands beside its field."""

    days = forms.ChoiceField(label="How far back", choices=list(WINDOWS.items()))
    categories_out = forms.MultipleChoiceField(
        label="Categories that stay out",
        choices=Category.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    labels_out = forms.CharField(
        label="Labels that stay out",
        required=False,
        max_length=LONGEST_LIST,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="One a line, as they are called in Gmail. Mail under them is not fetched.",
    )
    creation = forms.ChoiceField(
        label="Who becomes a contact", choices=Creation.choices, widget=forms.RadioSelect
    )
    internal = forms.CharField(
        label="Domains of your colleagues",
        required=False,
        max_length=LONGEST_LIST,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One a line, like example.com. Their messages come in; nobody there is added or suggested.",
    )
    most_attendees = forms.IntegerField(
        label="Largest meeting that counts",
        min_value=1,
        max_value=MOST_ATTENDEES,
        help_text="A meeting, or a message of yours, with more people than this makes nobody a contact.",
    )
    keep = forms.ChoiceField(
        label="What is kept of a message", choices=Keep.choices, widget=forms.RadioSelect
    )

    @classmethod
    def about(cls, wanted: Preferences, data: Any = None) -> PreferencesForm:
        days = str(wanted.days or "all")
        form = cls(
            data,
            initial={
                "days": days,
                "categories_out": wanted.categories_out,
                "labels_out": "\n".join(wanted.labels_out),
                "creation": wanted.creation.value,
                "internal": "\n".join(wanted.internal),
                "most_attendees": wanted.most_attendees,
                "keep": wanted.keep.value,
            },
        )
        if days not in WINDOWS:
            form.fields["days"].choices = [*WINDOWS.items(), (days, f"The last {days} days")]  # type: ignore[attr-defined]
        return form

    def read(self, before: Preferences) -> Preferences | None:
        """The preferences that are filled in; None where something is wrong, and then the form says what."""
        if not self.is_valid():
            return None
        said = self.cleaned_data
        values = before.as_json() | {
            "days": None if said["days"] == "all" else int(said["days"]),
            "categories_out": said["categories_out"],
            "labels_out": said["labels_out"].splitlines(),
            "creation": said["creation"],
            "internal": said["internal"].replace(",", "\n").splitlines(),
            "most_attendees": said["most_attendees"],
            "keep": said["keep"],
        }
        try:
            return Preferences.read(values)
        except BadPreferences as wrong:
            self.add_error(wrong.name, str(wrong))
            return None
