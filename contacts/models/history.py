"""What happened: interactions, who took part, and calendar events."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from contacts.models.people import BatchMade, ContactIdentity, batch_index, made_by_batch
from omnicrm.owned import OwnedManager, OwnedModel
from omnicrm.rowsecurity import RowSecurity, SameOwner, owner_key


class Interaction(BatchMade):
    """One e-mail, meeting, call or note in somebody's history; recorded once, however many sources hold it."""

    class Kind(models.TextChoices):
        EMAIL = "email", "E-mail"
        MEETING = "meeting", "Meeting"
        CALL = "call", "Call"
        NOTE = "note", "Note"

    class Direction(models.TextChoices):
        SENT = "sent"
        RECEIVED = "received"

    kind = models.CharField(max_length=10, choices=Kind)
    direction = models.CharField(max_length=10, choices=Direction, blank=True)
    occurred_at = models.DateTimeField()
    subject = models.TextField(blank=True)
    text = models.TextField(blank=True)
    visible_text = models.TextField(blank=True, help_text="What the author newly wrote.")
    bulk = models.CharField(max_length=20, blank=True)
    thread_key = models.CharField(max_length=255, blank=True)
    source = models.CharField(max_length=40)
    source_key = models.CharField(max_length=255)

    objects = OwnedManager["Interaction"]()

    class Meta(BatchMade.Meta):
        constraints = [
            owner_key("contacts_interaction"),
            models.UniqueConstraint(fields=["user", "source_key"], name="contacts_interaction_source_key"),
            RowSecurity(name="contacts_interaction_owner", search=True),
            *made_by_batch("contacts_interaction"),
        ]
        indexes = [
            models.Index(fields=["user", "-occurred_at"], name="contacts_interaction_newest"),
            models.Index(fields=["user", "thread_key"], name="contacts_interaction_thread"),
            batch_index("contacts_interaction"),
        ]

    def __str__(self) -> str:
        return self.subject or self.get_kind_display()


class Participant(OwnedModel):
    """An identity's part in an interaction. Its contact is the identity's, so a merge moves identities only.

    `occurred_at` and `kind` repeat the interaction's, so that a long history pages by one index.
    """

    class Role(models.TextChoices):
        FROM = "from"
        TO = "to"
        CC = "cc"
        BCC = "bcc"
        ORGANIZER = "organizer"
        ATTENDEE = "attendee"

    interaction = models.ForeignKey(
        Interaction, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="participants"
    )
    identity = models.ForeignKey(
        ContactIdentity, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="participations"
    )
    role = models.CharField(max_length=10, choices=Role)
    name = models.CharField(max_length=200, blank=True)
    kind = models.CharField(max_length=10, choices=Interaction.Kind)
    occurred_at = models.DateTimeField()

    objects = OwnedManager["Participant"]()

    class Meta(OwnedModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["user", "interaction", "identity", "role"], name="contacts_participant_once"
            ),
            SameOwner("interaction", name="contacts_participant_interaction"),
            SameOwner("identity", name="contacts_participant_identity"),
            RowSecurity(name="contacts_participant_owner"),
        ]
        indexes = [
            models.Index(
                fields=["user", "identity", "-occurred_at", "-interaction"],
                name="contacts_participant_history",
            ),
            # Most of what happens is mail: its pages are found above, and the rest needs no index of it.
            models.Index(
                fields=["user", "identity", "kind", "-occurred_at", "-interaction"],
                condition=~Q(kind="email"),
                name="contacts_participant_kinds",
            ),
        ]


class CalendarEvent(BatchMade):
    """A calendar entry, or one changed occurrence of a series. All-day entries have dates instead of times.

    A series is one row, the master; an occurrence has a row of its own only where it was changed or cancelled.
    """

    class Response(models.TextChoices):
        ACCEPTED = "accepted", "Accepted"
        TENTATIVE = "tentative", "Maybe"
        DECLINED = "declined", "Declined"

    class Category(models.TextChoices):
        """What kind of entry it is, told by rules: contacts/event_rules.py."""

        INTERVIEW = "interview", "Interview"
        TRAVEL = "travel", "Travel"
        CALL = "call", "Call"
        ONE_TO_ONE = "one_to_one", "One to one"
        INTERNAL = "internal", "Internal"
        GROUP = "group", "Group"
        ALL_DAY = "all_day", "All day"
        PERSONAL = "personal", "My own"

    interaction = models.ForeignKey(
        Interaction, models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="events"
    )
    ical_uid = models.CharField(max_length=255)
    google_id = models.CharField(max_length=255, blank=True)
    series = models.CharField(
        max_length=255, blank=True, help_text="Google's id of the series that this is an occurrence of."
    )
    recurrence_id = models.CharField(max_length=40, blank=True)
    recurring = models.BooleanField(default=False)
    recurrence = models.TextField(
        blank=True, help_text="How a master repeats: RRULE, RDATE and EXDATE, in UTC."
    )
    repeats_until = models.DateTimeField(
        null=True, help_text="Before when a series has ended, where it says."
    )
    zone = models.CharField(max_length=64, blank=True, help_text="The zone at whose hours a series recurs.")
    title = models.TextField(blank=True)
    description = models.TextField(blank=True)
    location = models.TextField(blank=True)
    link = models.TextField(blank=True, help_text="Where it takes place online.")
    status = models.CharField(max_length=20, blank=True)
    response = models.CharField(
        max_length=12, choices=Response, blank=True, help_text="What the user answered."
    )
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    starts_on = models.DateField(null=True)
    ends_on = models.DateField(null=True)
    category = models.CharField(max_length=20, choices=Category, blank=True)
    keywords = ArrayField(models.CharField(max_length=60), default=list)
    google_updated = models.DateTimeField(null=True)
    last_synced = models.DateTimeField(null=True)
    due_at = models.DateTimeField(
        null=True, help_text="When it next becomes a meeting in the history; empty if never."
    )

    objects = OwnedManager["CalendarEvent"]()

    class Meta(BatchMade.Meta):
        constraints = [
            owner_key("contacts_calendarevent"),
            models.UniqueConstraint(
                fields=["user", "ical_uid", "recurrence_id"], name="contacts_calendarevent_uid"
            ),
            SameOwner("interaction", name="contacts_calendarevent_interaction"),
            RowSecurity(name="contacts_calendarevent_owner"),
            *made_by_batch("contacts_calendarevent"),
        ]
        indexes = [
            models.Index(fields=["user", "starts_at"], name="contacts_calendarevent_start"),
            models.Index(
                fields=["user", "starts_on"],
                condition=Q(starts_on__isnull=False),
                name="contacts_calendarevent_day",
            ),
            models.Index(
                fields=["user", "repeats_until"],
                condition=Q(recurring=True),
                name="contacts_calendarevent_series",
            ),
            models.Index(
                fields=["user", "due_at"],
                condition=Q(due_at__isnull=False),
                name="contacts_calendarevent_due",
            ),
            models.Index(
                fields=["user", "google_id"],
                condition=~Q(google_id=""),
                name="contacts_calendarevent_google",
            ),
            models.Index(
                fields=["user", "interaction"],
                condition=Q(interaction__isnull=False),
                name="contacts_calendarevent_inter",
            ),
            batch_index("contacts_calendarevent"),
        ]

    def __str__(self) -> str:
        return self.title or self.ical_uid


class EventAttendee(BatchMade):
    """Somebody invited to a calendar event, and what they answered. Its contact is the identity's."""

    event = models.ForeignKey(
        CalendarEvent, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="attendees"
    )
    identity = models.ForeignKey(
        ContactIdentity, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="invitations"
    )
    name = models.CharField(max_length=200, blank=True)
    response = models.CharField(max_length=12, choices=CalendarEvent.Response, blank=True)
    kind = models.CharField(
        max_length=12, blank=True, help_text="group, resource or room; empty for a person."
    )
    is_organizer = models.BooleanField(default=False)

    objects = OwnedManager["EventAttendee"]()

    class Meta(BatchMade.Meta):
        constraints = [
            models.UniqueConstraint(fields=["user", "event", "identity"], name="contacts_eventattendee_once"),
            SameOwner("event", name="contacts_eventattendee_event"),
            SameOwner("identity", name="contacts_eventattendee_identity"),
            RowSecurity(name="contacts_eventattendee_owner"),
            *made_by_batch("contacts_eventattendee"),
        ]
        indexes = [
            models.Index(fields=["user", "identity", "event"], name="contacts_eventattendee_invited"),
            batch_index("contacts_eventattendee"),
        ]

    def __str__(self) -> str:
        return self.name or str(self.identity_id)
