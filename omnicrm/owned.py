"""Rows that belong to one user. Every query begins by naming that user, or raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import models
from django.http import Http404
from uuid_utils.compat import uuid7

if TYPE_CHECKING:
    from omnicrm.models import User

Owned = TypeVar("Owned", bound="OwnedModel")


class OwnerNotNamed(RuntimeError):
    """A query on owned rows did not say whose. Begin with `.objects.for_user(user)`."""


class OwnedQuerySet(models.QuerySet[Owned]):
    """Rows of one user. Only `OwnedManager.for_user` makes one."""

    def for_user(self, user: User | UUID) -> Self:
        """The rows of this user, to be narrowed further."""
        return self.filter(user_id=user if isinstance(user, UUID) else user.pk)


class OwnedManager(models.Manager[Owned]):
    """`objects` on every owned model: offers `for_user` and nothing else."""

    _queryset_class: type[Any] = OwnedQuerySet

    def get_queryset(self) -> NoReturn:
        raise OwnerNotNamed(f"{self.model.__name__}.objects.for_user(user) comes first.")

    def for_user(self, user: User | UUID) -> OwnedQuerySet[Owned]:
        """The rows of this user, to be narrowed further."""
        rows: OwnedQuerySet[Owned] = self._queryset_class(self.model, using=self._db)
        return rows.for_user(user)


class OwnedModel(models.Model):
    """A row of one user: a time-ordered UUID made in Python, its owner, and when it was made and changed.

    `user` cascades in the database (see RowSecurity), so deleting a user needs no visit to each row.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    # Django itself (admin, validation, prefetch) goes through `unscoped`; row-level security holds beneath it.
    unscoped = models.Manager[Self]()

    class Meta:
        abstract = True
        base_manager_name = "unscoped"
        default_manager_name = "unscoped"

    def __str__(self) -> str:
        return f"{type(self).__name__} {self.pk}"


def owned_or_404(rows: models.QuerySet[Owned], **lookup: Any) -> Owned:
    """The one row, or 404: missing and not yours look the same. `rows` already belong to one user."""
    try:
        return rows.get(**lookup)
    except (rows.model.DoesNotExist, ValueError, TypeError) as error:
        raise Http404 from error
