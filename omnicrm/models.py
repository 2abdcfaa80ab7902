"""The people who sign in, and the record of what was done to their data."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Q
from django.utils import timezone
from uuid_utils.compat import uuid7

from omnicrm.owned import OwnedManager, OwnedModel
from omnicrm.rowsecurity import RowSecurity
from omnicrm.sealed import SealedField


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A user who signs in by e-mail address; without a password only a password reset lets them in."""
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        return (email or "").strip().lower()

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=self.normalize_email(username))


class User(AbstractBaseUser, PermissionsMixin):
    """Somebody with an account. Global: looked up before anybody is signed in."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=150, blank=True)
    is_staff = models.BooleanField(default=False, help_text="May open the admin.")
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        super().clean()
        self.email = UserManager.normalize_email(self.email)

    def get_full_name(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return self.name.split(" ")[0] if self.name else self.email.split("@")[0]


class Event(OwnedModel):
    """Something that was done to a user's data, written in the transaction that did it. Append-only.

    It says who (what kind of hand), what, to which object and in which batch or request: ids, counts and
    names of columns, never personal values.
    """

    class Actor(models.TextChoices):
        WEB = "web"
        API = "api"
        WORKER = "worker"
        OPERATOR = "operator"
        MODEL = "model"

    actor = models.CharField(max_length=10, choices=Actor)
    action = models.CharField(max_length=60)
    object_type = models.CharField(max_length=60, blank=True)
    object_id = models.UUIDField(null=True)
    batch_id = models.UUIDField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    data = models.JSONField(default=dict)

    objects = OwnedManager["Event"]()

    class Meta(OwnedModel.Meta):
        indexes = [
            models.Index(fields=["user", "-created_at"], name="omnicrm_event_newest"),
            models.Index(fields=["user", "object_id"], name="omnicrm_event_object"),
            # Most events are a worker's: those of other hands are few, and asked for by themselves.
            models.Index(
                fields=["user", "actor", "-created_at"],
                condition=~Q(actor="worker"),
                name="omnicrm_event_by_hand",
            ),
        ]
        constraints = [RowSecurity(name="omnicrm_event_owner")]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor}"


class EventLink(OwnedModel):
    """An event's place in its user's chain: each link holds the hash of the event and of all before it.

    Postgres itself adds it at the commit that adds the event; nobody may change or remove one.
    """

    seq = models.BigIntegerField()
    event_id = models.UUIDField()
    hash = models.BinaryField()

    objects = OwnedManager["EventLink"]()

    class Meta(OwnedModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["user", "seq"], name="omnicrm_eventlink_seq"),
            models.UniqueConstraint(fields=["user", "event_id"], name="omnicrm_eventlink_event"),
            RowSecurity(name="omnicrm_eventlink_owner"),
        ]


class EventAnchor(OwnedModel):
    """How long a chain was on some day, and its last hash, under a key that is not in the database."""

    seq = models.BigIntegerField()
    hash = models.BinaryField()
    mac = models.BinaryField()

    objects = OwnedManager["EventAnchor"]()

    class Meta(OwnedModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["user", "seq"], name="omnicrm_eventanchor_seq"),
            RowSecurity(name="omnicrm_eventanchor_owner"),
        ]


class EventCheck(OwnedModel):
    """When the chain was last checked (`updated_at`), how long it was, and what was wrong with it, in words."""

    events = models.BigIntegerField()
    faults = models.JSONField(default=list)

    objects = OwnedManager["EventCheck"]()

    class Meta(OwnedModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["user"], name="omnicrm_eventcheck_once"),
            RowSecurity(name="omnicrm_eventcheck_owner"),
        ]


class KeyCheck(models.Model):
    """A known sentence under each key that has sealed anything here: tells a wrong key at the start, not in the
    middle of somebody's mail. Global: holds no data."""

    key_id = models.CharField(max_length=2, primary_key=True)
    sealed = models.BinaryField()

    objects = models.Manager["KeyCheck"]()

    def __str__(self) -> str:
        return self.key_id


class Erasure(models.Model):
    """That an account was erased: its number, which leads nowhere any more, and the end of its record. Global.

    Whoever brings back an older backup finds here what has to be erased again.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.UUIDField()
    erased_at = models.DateTimeField(auto_now_add=True)
    events = models.BigIntegerField()
    head = models.BinaryField()

    objects = models.Manager["Erasure"]()

    def __str__(self) -> str:
        return str(self.account)


class IndexKey(models.Model):
    """The secret behind blind indexes (omnicrm.blind), sealed like any other, so that it outlives the keys that
    seal it. Global: holds no data."""

    id = models.UUIDField(primary_key=True, editable=False)
    secret = SealedField()
    strict = models.BooleanField(
        help_text="Whether what is personal is sealed: how PII_STRICT was last carried out."
    )

    objects = models.Manager["IndexKey"]()

    def __str__(self) -> str:
        return "The key of blind indexes"
