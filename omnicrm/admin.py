"""The admin, for operators: who has an account, and how the work goes. Nobody's contacts or mail are in it.

Rows of all users are read as the database role `omnicrm_ops`, which may see the columns named in RowSecurity
and no others. So even a mistake here cannot show what somebody wrote.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import allauth.account.admin
import allauth.mfa.admin
import allauth.socialaccount.admin
import allauth.usersessions.admin  # noqa: F401 - likewise
import django.contrib.auth.admin  # noqa: F401 - likewise
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode

from omnicrm import problems
from omnicrm.acting import acting_as, actor, as_role
from omnicrm.events import note
from omnicrm.http import leads_to_us
from omnicrm.models import User
from omnicrm.rowsecurity import RowSecurity

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


def door_to(name: str) -> Callable[..., Any]:
    """In the place of a page of the admin's own, which would know neither second factors nor our limits."""

    def door(request: HttpRequest, extra_context: object = None) -> HttpResponse:
        if name == "account_login" and request.user.is_authenticated:
            return (
                redirect("admin:index") if admin.site.has_permission(request) else problems.forbidden(request)
            )
        place = reverse(name)
        wanted = request.GET.get("next", "")
        return redirect(f"{place}?{urlencode({'next': wanted})}" if leads_to_us(request, wanted) else place)

    return door


admin.site.site_header = "OmniCRM, for operators"
admin.site.site_title = "OmniCRM"
admin.site.login = login_not_required(door_to("account_login"))  # type: ignore[method-assign]
admin.site.logout = door_to("account_logout")  # type: ignore[method-assign]
admin.site.password_change = door_to("account_change_password")  # type: ignore[method-assign]
admin.site.unregister(
    (Group, EmailAddress, Authenticator, UserSession, SocialAccount, SocialApp, SocialToken)
)


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


class WatchedAdmin(ModelAdmin):
    """Whoever is on a page that an operator opens finds that in the record of what was done with their data."""

    def owner_id(self, row: Any) -> UUID:
        return UUID(str(row.user_id))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        if isinstance(response, TemplateResponse) and (shown := (response.context_data or {}).get("cl")):
            shown.result_list = list(shown.result_list)  # asked for once, here and on the page
            label = self.model._meta.label_lower
            # In one order, as each entry takes the lock of its owner's chain.
            for owner, count in sorted(Counter(map(self.owner_id, shown.result_list)).items()):
                looked(request, owner, "operator.listed", what=label, count=count)
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        response = super().change_view(request, object_id, form_url, extra_context)
        self.opened(request, response)
        return response

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        response = super().history_view(request, object_id, extra_context)
        self.opened(request, response)
        return response

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        looked(request, self.owner_id(obj), "operator.changed", on=obj)
        return super().log_change(request, obj, message)

    def opened(self, request: HttpRequest, response: HttpResponse) -> None:
        context = response.context_data or {} if isinstance(response, TemplateResponse) else {}
        if row := context.get("original") or context.get("object"):
            looked(request, self.owner_id(row), "operator.opened", on=row)


def looked(request: HttpRequest, owner: UUID, action: str, **more: Any) -> None:
    """An entry for its owner, in the operator's name. Looking at one's own is none."""
    if owner != request.user.pk:
        with acting_as(owner), actor("operator"):
            note(owner, action, by=str(request.user.pk), **more)


class Narrow(ModelAdmin):
    """Filters by what it shows alone: one on a hidden column would spell out its words, letter by letter."""

    def shown(self) -> Iterable[str]:
        return cast("Iterable[str]", self.fields)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        is_shown = lookup.partition("__")[0] in {"pk", "id", *self.shown()}
        return is_shown and super().lookup_allowed(lookup, value, request)


class OpsAdmin(Narrow, WatchedAdmin):
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
class UserAdmin(Narrow, WatchedAdmin):
    """Accounts are made with `create_user` and removed with `erase_user`; here they are only let in or kept out."""

    def owner_id(self, row: User) -> UUID:
        return row.pk

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
