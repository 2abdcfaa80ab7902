"""The domain: people, what was said and when, and what a person made of it."""

from contacts.models.history import CalendarEvent, EventAttendee, Interaction, Participant
from contacts.models.keeping import Suggestion, Suppression, SuppressionKey
from contacts.models.people import (
    Company,
    Contact,
    ContactIdentity,
    ContactSlug,
    ContactTag,
    OwnAddress,
    SearchText,
    Tag,
)
from contacts.models.work import Note, Task

__all__ = [
    "CalendarEvent",
    "Company",
    "Contact",
    "ContactIdentity",
    "ContactSlug",
    "ContactTag",
    "EventAttendee",
    "Interaction",
    "Note",
    "OwnAddress",
    "Participant",
    "SearchText",
    "Suggestion",
    "Suppression",
    "SuppressionKey",
    "Tag",
    "Task",
]
