"""What people type about people."""

from __future__ import annotations

from typing import Any

from django import forms

from contacts.creating import tidy
from contacts.models import Contact


class CleanText(forms.CharField):
    """One line: trimmed, without line breaks or what Postgres refuses."""

    def to_python(self, value: Any) -> str:
        return tidy(super().to_python(value) or "", self.max_length or 200)


class ContactForm(forms.Form):
    """What is written about a contact."""

    name = CleanText(max_length=200, widget=forms.TextInput(attrs={"autofocus": True}))
    company = CleanText(max_length=200, required=False)
    job_title = CleanText(max_length=200, required=False, label="Role")
    stage = forms.ChoiceField(choices=[("", "—"), *Contact.Stage.choices], required=False)
    tags = forms.CharField(
        max_length=500, required=False, help_text="Separated by commas: <em>investor, Berlin</em>"
    )

    def clean_tags(self) -> list[str]:
        names = [tidy(name, 60) for name in self.cleaned_data["tags"].split(",")]
        return list(dict.fromkeys(name for name in names if name))

    @classmethod
    def about(cls, contact: Contact, data: Any = None) -> ContactForm:
        """The form as this contact fills it. Its tags are prefetched."""
        return cls(
            data,
            initial={
                "name": contact.display_name,
                "company": contact.company.name if contact.company else "",
                "job_title": contact.job_title,
                "stage": contact.stage,
                "tags": ", ".join(link.tag.name for link in contact.contact_tags.all()),
            },
        )


class NewContactForm(ContactForm):
    email = CleanText(max_length=254, required=False, label="E-mail address")
    phone = CleanText(max_length=60, required=False, label="Phone number")
    field_order = ["name", "email", "phone", "company", "job_title", "stage", "tags"]

    def addresses(self) -> list[str]:
        return [self.cleaned_data[name] for name in ("email", "phone") if self.cleaned_data[name]]


class IdentityForm(forms.Form):
    address = CleanText(max_length=254, label="E-mail address or phone number")


class NoteForm(forms.Form):
    text = forms.CharField(
        max_length=20_000, label="Note", widget=forms.Textarea(attrs={"rows": 3, "autofocus": True})
    )

    private = forms.BooleanField(required=False, label="Private: kept sealed, and never searched")

    def clean_text(self) -> str:
        return str(self.cleaned_data["text"]).replace("\x00", "").replace("\r\n", "\n")


class TaskForm(forms.Form):
    title = CleanText(max_length=300, label="Task")
    due_on = forms.DateField(required=False, label="Due", widget=forms.DateInput(attrs={"type": "date"}))
