"""What people choose when they hand over a file, and what they write."""

from __future__ import annotations

from typing import Any

from django import forms

PEOPLE = [
    ("everyone", "Everybody I had mail or meetings with"),
    ("written_to", "Only people I wrote to"),
    ("nobody", "Nobody new; only add to people I have"),
]


class ImportForm(forms.Form):
    file = forms.FileField(
        label="Choose a file",
        error_messages={"required": "No file has arrived. Choose one, then try again."},
        allow_empty_file=True,
    )
    people = forms.ChoiceField(
        choices=PEOPLE,
        required=False,
        initial="everyone",
        label="Who becomes a contact?",
        widget=forms.RadioSelect,
    )

    def __init__(self, *args: Any, no_file: str = "", **kwargs: Any) -> None:
        """`no_file`: why there is none, where that is known better than "no file has arrived"."""
        super().__init__(*args, **kwargs)
        if no_file:
            self.fields["file"].error_messages["required"] = no_file

    def clean_people(self) -> str:
        return self.cleaned_data["people"] or "everyone"


class LetterForm(forms.Form):
    """`choices`: the addresses among which its contact can be written to."""

    to = forms.ChoiceField(label="To")
    subject = forms.CharField(label="Subject", required=False, max_length=500)
    body = forms.CharField(
        label="Letter",
        strip=False,
        error_messages={"required": "Write something first."},
        max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 14}),
    )

    def __init__(self, *args: Any, addresses: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if len(addresses) > 1:
            to = self.fields["to"]
            assert isinstance(to, forms.ChoiceField)
            to.choices = [(address, address) for address in addresses]
        else:
            del self.fields["to"]
