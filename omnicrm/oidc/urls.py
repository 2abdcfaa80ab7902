"""The way to the provider, and the way back. Both wait for the network, so neither runs in a transaction."""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_http_methods, require_safe

from omnicrm.acting import own_units
from omnicrm.oidc.provider import PROVIDER, Adapter


class CallbackView(OAuth2CallbackView):  # type: ignore[misc]
    def _get_state(self, request: HttpRequest, provider: Any) -> tuple[Any, Any]:
        state, answer = super()._get_state(request, provider)
        self.adapter.nonce = (state or {}).get("nonce", "")
        return state, answer


def adapter(request: HttpRequest) -> Adapter:
    if not settings.OIDC_ISSUER:
        raise Http404
    return Adapter(request, PROVIDER)


@login_not_required
@own_units
@require_http_methods(["GET", "HEAD", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    """To the provider, once the button was pressed: a link alone leads to a page with that button."""
    ours = adapter(request)
    answer: HttpResponse
    try:
        answer = OAuth2LoginView.adapter_view(ours)(request)
    except OAuth2Error as error:
        answer = render_authentication_error(request, ours.get_provider(), exception=error)
    return answer


@login_not_required
@own_units
@require_safe
def callback(request: HttpRequest) -> HttpResponse:
    """Back from the provider."""
    ours = adapter(request)
    answer: HttpResponse
    try:
        answer = CallbackView.adapter_view(ours)(request)
    except OAuth2Error as error:
        answer = render_authentication_error(request, ours.get_provider(), exception=error)
    return answer


urlpatterns = [
    path("oidc/", login, name="openid_connect_login"),
    path("oidc/callback/", callback, name="openid_connect_callback"),
]
