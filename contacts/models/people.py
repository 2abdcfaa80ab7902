"""Who there is: contacts, the addresses and numbers that lead to them, companies and tags."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Case, F, Q, When
from django.db.models.expressions import RawSQL
from django.urls import reverse

from contacts.matching import normalize_phone
from contacts.search import few_with, search_words
from jobs.models import Batch
from omnicrm.blind import is_blind
from omnicrm.owned import OwnedManager, OwnedModel, OwnedQuerySet
from omnicrm.personal import PersonalDate, PersonalObject, PersonalText, is_strict
from omnicrm.rowsecurity import RowSecurity, SameOwner, owner_key


class BatchMade(OwnedModel):
    """A row that may have been made by a batch, which can then take it back. Made by hand: no batch."""

    batch = models.ForeignKey(
        Batch, models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="+"
    )

    class Meta(OwnedModel.Meta):
        abstract = True


def made_by_batch(table: str) -> list[models.BaseConstraint]:
    """The composite key of `BatchMade.batch`: a batch that goes leaves its rows behind."""
    return [SameOwner("batch", name=f"{table}_batch_key", on_delete="SET NULL")]


def batch_index(table: str) -> models.Index:
    return models.Index(fields=["user", "batch"], condition=Q(batch__isnull=False), name=f"{table}_batch")


class OwnAddress(BatchMade):
    """An address of the user's own: never a contact, and what tells sent from received."""

    value = models.CharField(max_length=254)

    objects = OwnedManager["OwnAddress"]()

    class Meta(BatchMade.Meta):
        constraints = [
            models.UniqueConstraint(fields=["user", "value"], name="contacts_ownaddress_value"),
            RowSecurity(name="contacts_ownaddress_owner"),
            *made_by_batch("contacts_ownaddress"),
        ]
        indexes = [batch_index("contacts_ownaddress")]


class Company(BatchMade):
    name = models.CharField(max_length=200)
    name_key = models.CharField(max_length=200, help_text="The name, case-folded, as it is compared.")

    objects = OwnedManager["Company"]()

    class Meta(BatchMade.Meta):
        constraints = [
            owner_key("contacts_company"),
            models.UniqueConstraint(fields=["user", "name_key"], name="contacts_company_name"),
            RowSecurity(name="contacts_company_owner"),
            *made_by_batch("contacts_company"),
        ]
        indexes = [batch_index("contacts_company")]

    def __str__(self) -> str:
        return self.name


class ContactQuerySet(OwnedQuerySet["Contact"]):
    """Which contacts. Chainable from `Contact.objects.for_user(user)`."""

    def matching(self, text: str) -> ContactQuerySet:
        """Whose name, address, number, company or title contains every word, up to MOST_WORDS.

        Asks the database at once who they are. Where they are many, each row is tested on the way through the list.
        """
        words = search_words(text)
        if not words:
            return self
        few = few_with(words)
        return (
            self.having(words)
            if few is None
            else self.filter(pk__in=RawSQL("SELECT unnest(%s::uuid[])", [few]))
        )

    def having(self, words: Sequence[str]) -> ContactQuerySet:
        """Who has all of the words, tested row by row. In a CASE, as the planner then reckons with half of the rows,
        and walks through the list in its order instead of finding all and sorting them."""
        found = Q(*(("search__text__contains", word) for word in words))
        return self.filter(Case(When(found, then=True), default=False, output_field=models.BooleanField()))


class Contact(BatchMade):
    """A person. `primary_email` and `primary_phone` are copies for display; `ContactIdentity` is what is matched."""

    class Stage(models.TextChoices):
        LEAD = "lead", "Lead"
        PROSPECT = "prospect", "Prospect"
        CLIENT = "client", "Client"
        PAST_CLIENT = "past_client", "Past client"
        PARTNER = "partner", "Partner"
        OTHER = "other", "Other"

    display_name = models.CharField(max_length=200)
    sort_name = models.CharField(max_length=200)
    given_name = models.CharField(max_length=100, blank=True)
    family_name = models.CharField(max_length=100, blank=True)
    slug = models.CharField(max_length=120)
    primary_email = models.CharField(max_length=254, blank=True)
    primary_phone = PersonalText(blank=True)
    company = models.ForeignKey(
        Company, models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="contacts"
    )
    job_title = models.CharField(max_length=200, blank=True)
    birthday = PersonalDate(null=True)
    stage = models.CharField(max_length=20, choices=Stage, blank=True)
    source = models.CharField(max_length=40, blank=True)
    confidence = models.FloatField(default=1.0)
    cadence_days = models.PositiveIntegerField(null=True)
    next_touch_on = models.DateField(null=True)
    last_interaction_at = models.DateTimeField(null=True)
    score = models.FloatField(default=0)
    archived_at = models.DateTimeField(null=True)
    custom = PersonalObject(default=dict)

    objects = OwnedManager.from_queryset(ContactQuerySet)()

    class Meta(BatchMade.Meta):
        constraints = [
            owner_key("contacts_contact"),
            models.UniqueConstraint(fields=["user", "slug"], name="contacts_contact_slug"),
            SameOwner("company", name="contacts_contact_company", on_delete="SET NULL"),
            RowSecurity(name="contacts_contact_owner"),
            *made_by_batch("contacts_contact"),
        ]
        indexes = [
            models.Index(fields=["user", "sort_name", "id"], name="contacts_contact_by_name"),
            models.Index(
                "user",
                F("last_interaction_at").desc(nulls_last=True),
                F("id").desc(),
                name="contacts_contact_by_last",
            ),
            models.Index(fields=["user", "created_at", "id"], name="contacts_contact_by_created"),
            models.Index(fields=["user", "company"], name="contacts_contact_by_company"),
            models.Index(fields=["user", "stage"], condition=~Q(stage=""), name="contacts_contact_by_stage"),
            batch_index("contacts_contact"),
        ]

    def __str__(self) -> str:
        return self.display_name

    def get_absolute_url(self) -> str:
        return reverse("contacts:detail", args=[self.slug])

    @property
    def initials(self) -> str:
        return initials(self.display_name)


def initials(name: str) -> str:
    words = [word for word in name.split() if word[:1].isalnum()]
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper() or "?"


class SearchText(OwnedModel):
    """What a search looks at, apart from the contact, whose changes would else write its large index anew each time.

    Follows from the contact, its company and its addresses: `contacts.derived` writes it, and nobody else.
    """

    contact = models.ForeignKey(
        Contact, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="search"
    )
    text = models.TextField()
    parts = ArrayField(models.TextField())

    objects = OwnedManager["SearchText"]()

    class Meta(OwnedModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["user", "contact"], name="contacts_searchtext_once"),
            SameOwner("contact", name="contacts_searchtext_contact"),
            RowSecurity(name="contacts_searchtext_owner", search=True),
        ]
        indexes = [
            # A short list of what is not in the index yet: every search reads all of it.
            GinIndex(fields=["user", "parts"], gin_pending_list_limit=512, name="contacts_searchtext_parts"),
        ]


class ContactSlug(OwnedModel):
    """A slug that a contact had before: its links still lead there."""

    slug = models.CharField(max_length=120)
    contact = models.ForeignKey(
        Contact, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )

    objects = OwnedManager["ContactSlug"]()

    class Meta(OwnedModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["user", "slug"], name="contacts_contactslug_slug"),
            SameOwner("contact", name="contacts_contactslug_contact"),
            RowSecurity(name="contacts_contactslug_owner"),
        ]
        indexes = [models.Index(fields=["user", "contact"], name="contacts_contactslug_contact_i")]


class ContactIdentity(BatchMade):
    """An address, number or handle, normalized. It leads to a contact, or to nobody yet.

    `value` is what is compared. Where numbers are sealed it is a blind index, and `readable` says the number.
    """

    class Kind(models.TextChoices):
        EMAIL = "email"
        PHONE = "phone"
        HANDLE = "handle"

    kind = models.CharField(max_length=10, choices=Kind)
    value = models.CharField(max_length=254)
    display = PersonalText(
        blank=True, help_text="As it was written, or the name beside it.", when=lambda row: row.is_personal
    )
    contact = models.ForeignKey(
        Contact, models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="identities"
    )

    objects = OwnedManager["ContactIdentity"]()

    class Meta(BatchMade.Meta):
        constraints = [
            owner_key("contacts_contactidentity"),
            models.UniqueConstraint(fields=["user", "kind", "value"], name="contacts_identity_value"),
            SameOwner("contact", name="contacts_identity_contact", on_delete="SET NULL"),
            RowSecurity(name="contacts_identity_owner"),
            *made_by_batch("contacts_identity"),
        ]
        indexes = [
            models.Index(fields=["user", "contact"], name="contacts_identity_of_contact"),
            batch_index("contacts_identity"),
        ]

    def __str__(self) -> str:
        return self.readable

    @property
    def is_personal(self) -> bool:
        return self.kind == self.Kind.PHONE and is_strict()

    @property
    def readable(self) -> str:
        """The address or number itself, normalized."""
        return normalize_phone(self.display) if is_blind(self.value) else self.value


class Tag(BatchMade):
    name = models.CharField(max_length=60)
    name_key = models.CharField(max_length=60)

    objects = OwnedManager["Tag"]()

    class Meta(BatchMade.Meta):
        constraints = [
            owner_key("contacts_tag"),
            models.UniqueConstraint(fields=["user", "name_key"], name="contacts_tag_name"),
            RowSecurity(name="contacts_tag_owner"),
            *made_by_batch("contacts_tag"),
        ]
        indexes = [batch_index("contacts_tag")]

    def __str__(self) -> str:
        return self.name


class ContactTag(BatchMade):
    """A tag on a contact."""

    contact = models.ForeignKey(
        Contact, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="contact_tags"
    )
    tag = models.ForeignKey(
        Tag, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="contact_tags"
    )

    objects = OwnedManager["ContactTag"]()

    class Meta(BatchMade.Meta):
        constraints = [
            models.UniqueConstraint(fields=["user", "contact", "tag"], name="contacts_contacttag_once"),
            SameOwner("contact", name="contacts_contacttag_contact"),
            SameOwner("tag", name="contacts_contacttag_tag"),
            RowSecurity(name="contacts_contacttag_owner"),
            *made_by_batch("contacts_contacttag"),
        ]
        indexes = [
            models.Index(fields=["user", "tag"], name="contacts_contacttag_by_tag"),
            batch_index("contacts_contacttag"),
        ]
