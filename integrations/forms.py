"""What people choose when they hand over a file."""

from __future__ import annotations

from django import forms

PEOPLE = [
    ("everyone", "Everybody who wrote to me, and everybody I wrote to"),
    ("written_to", "Only people I wrote to"),
    ("nobody", "Nobody new: only add to people I know"),
]


class ImportForm(forms.Form):
    file = forms.FileField(
        label="Choose a file",
        error_messages={"required": "No file has arrived. Choose one, then try again."},
        allow_empty_file=True,
    )
    people = forms.ChoiceField(
        choices=PEOPLE, required=False, initial="everyone", label="Who becomes a contact"
    )

    def clean_people(self) -> str:
        return self.cleaned_data["people"] or "everyone"
