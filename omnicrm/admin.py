"""The admin, for operators: who has an account, and how the work goes. Nobody's contacts or mail are in it.

Rows of all users are read as the database role `omnicrm_ops`, which may see the columns named in RowSecurity
and no others. So even a mistake here cannot show what somebody wrote.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import allauth.account.admin
import allauth.mfa.admin
import allauth.usersessions.admin  # noqa: F401 - likewise
import django.contrib.auth.admin  # noqa: F401 - likewise
from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import prefetch_related_objects
from django.http import HttpRequest

from omnicrm.acting import as_role
from omnicrm.models import User
from omnicrm.rowsecurity import RowSecurity

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin

admin.site.site_header = "OmniCRM, for operators"
admin.site.site_title = "OmniCRM"
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.unregister((Group, EmailAddress, Authenticator, UserSession))


def columns_for_ops(model: type[models.Model]) -> tuple[str, ...]:
    """The fields of this model that operators may read."""
    (rule,) = (c for c in model._meta.constraints if isinstance(c, RowSecurity))
    return rule.ops


class OpsQuerySet(models.QuerySet[Any]):
    """Rows of all users, read as operators may read them, and whose they are. Other columns are empty."""

    def _fetch_all(self) -> None:
        if self._result_cache is not None:
            return
        with as_role("ops"):
            super()._fetch_all()
        rows: list[Any] = list(self._result_cache or [])
        if rows and isinstance(rows[0], models.Model):
            blank_the_rest(rows)
            # The role may not read accounts, and we may.
            prefetch_related_objects(rows, "user")

    def count(self) -> int:
        with as_role("ops"):
            return super().count()

    def exists(self) -> bool:
        with as_role("ops"):
            return super().exists()


def blank_the_rest(rows: Iterable[models.Model]) -> None:
    """Columns that were not read are empty: a page that asked for one later would find no row, and fail."""
    for row in rows:
        empty = {field.attname: field.get_default() for field in row._meta.concrete_fields}
        row.__dict__.update(empty | row.__dict__)


class Narrow(ModelAdmin):
    """Filters by what it shows alone: one on a hidden column would spell out its words, letter by letter."""

    def shown(self) -> Iterable[str]:
        return cast("Iterable[str]", self.fields)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        is_shown = lookup.partition("__")[0] in {"pk", "id", *self.shown()}
        return is_shown and super().lookup_allowed(lookup, value, request)


class OpsAdmin(Narrow):
    """Read-only pages over a table of all users: its list, and the columns of a row that operators may read."""

    ordering = ("-created_at",)
    list_per_page = 50
    list_select_related = ()  # no join: the role may not read accounts
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def shown(self) -> Iterable[str]:
        return columns_for_ops(self.model)

    def get_queryset(self, request: HttpRequest) -> OpsQuerySet:
        return OpsQuerySet(self.model).only(*columns_for_ops(self.model)).order_by(*self.ordering)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        names = columns_for_ops(self.model)
        return [field.attname if field.name != "user" else "user" for field in fields(self.model, names)]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return self.get_fields(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def fields(model: type[models.Model], names: Iterable[str]) -> list[models.Field[Any, Any]]:
    wanted = set(names)
    return [field for field in model._meta.concrete_fields if field.name in wanted]


@admin.register(User)
class UserAdmin(Narrow):
    """Accounts are made with `create_user` and removed with `erase_user`; here they are only let in or kept out."""

    list_display = ("email", "name", "is_active", "is_staff", "date_joined", "last_login")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name")
    ordering = ("email",)
    fields = ("email", "name", "is_active", "is_staff", "is_superuser", "date_joined", "last_login")
    readonly_fields = ("email", "name", "date_joined", "last_login")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
