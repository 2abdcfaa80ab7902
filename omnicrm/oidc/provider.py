"""Signing on through an OpenID provider that whoever runs the server named (OIDC_ISSUER and so on); off by default.

allauth keeps the state and the PKCE verifier in the session, once each. It checks no nonce and, having the token from
the provider itself, no signature; both are checked here. Requests leave through omnicrm.outgoing.
"""

from __future__ import annotations

import secrets
from typing import Any

import jwt
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from requests import RequestException, Session  # noqa: TID251 - names for what omnicrm.outgoing hands over

from omnicrm import outgoing
from omnicrm.accounts import is_open_for_signup

PROVIDER = "oidc"
SIGNATURES = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""With a key pair: a shared secret would let whoever knows the client's secret sign for anybody."""
REQUIRED = ["exp", "iat", "iss", "aud", "sub", "nonce"]
LEEWAY = 60
"""Seconds by which clocks may differ."""


class Adapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """Asks the provider, and believes nothing that it did not sign for us and for this very attempt."""

    nonce = ""

    @property
    def openid_config(self) -> dict[str, Any]:
        if not hasattr(self, "_openid_config"):
            found = self.fetch(self.get_provider().server_url)
            if found.get("issuer") != settings.OIDC_ISSUER:
                raise OAuth2Error("The provider calls itself by another name than OIDC_ISSUER.")
            self._openid_config = found
        return self._openid_config

    def fetch(self, url: str, **headers: str) -> dict[str, Any]:
        try:
            with outgoing_session() as session:
                answer = session.get(url, headers=headers)
                answer.raise_for_status()
                return dict(answer.json())
        except (RequestException, ValueError, TypeError) as error:
            raise OAuth2Error(f"The provider did not answer: {type(error).__name__}.") from error

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        return settings.SITE_URL.rstrip("/") + reverse("openid_connect_callback")

    def complete_login(self, request: HttpRequest, app: SocialApp, token: Any, **kwargs: Any) -> SocialLogin:
        claims = self.claims(str(kwargs["response"].get("id_token", "")))
        if "email" not in claims:
            more = self.fetch(self.profile_url, Authorization=f"Bearer {token.token}")
            if more.get("sub") != claims["sub"]:
                raise OAuth2Error("The provider spoke of somebody else.")
            claims = {**more, **claims}
        return self.get_provider().sociallogin_from_response(request, {"id_token": claims})

    def claims(self, id_token: str) -> dict[str, Any]:
        """What the provider says about whoever signs on, if it says so to us, now, in answer to what we asked."""
        try:
            keys = jwt.PyJWKSet.from_dict(self.fetch(self.openid_config["jwks_uri"]))
            claims: dict[str, Any] = jwt.decode(
                id_token,
                keys[jwt.get_unverified_header(id_token)["kid"]],
                algorithms=SIGNATURES,
                issuer=settings.OIDC_ISSUER,
                audience=settings.OIDC_CLIENT_ID,
                leeway=LEEWAY,
                options={"require": REQUIRED},
            )
        except (jwt.PyJWTError, KeyError, ValueError, TypeError) as error:
            raise OAuth2Error(f"The provider's token does not hold: {type(error).__name__}.") from error
        meant_for = claims.get("azp", settings.OIDC_CLIENT_ID)
        if not self.nonce or not secrets.compare_digest(str(claims["nonce"]), self.nonce):
            raise OAuth2Error("The provider answers another question than ours.")
        if meant_for != settings.OIDC_CLIENT_ID:
            raise OAuth2Error("The provider's token is for another program.")
        return claims


class Provider(OpenIDConnectProvider):  # type: ignore[misc]
    package = "omnicrm.oidc"
    oauth2_adapter_class = Adapter
    pkce_enabled_default = True

    def get_login_url(self, request: HttpRequest, **kwargs: Any) -> str:
        return reverse("openid_connect_login")

    def get_callback_url(self) -> str:
        return reverse("openid_connect_callback")

    def redirect(
        self, request: HttpRequest, process: str, next_url: str | None = None, data: Any = None, **_: Any
    ) -> HttpResponse:
        """To the provider. What the address of our page says about scopes or parameters is not passed on."""
        nonce = secrets.token_urlsafe()
        anew = {"prompt": "login"} if request.user.is_authenticated else {}
        answer: HttpResponse = super().redirect(
            request, process, next_url, data, nonce=nonce, auth_params={"nonce": nonce, **anew}
        )
        return answer

    def extract_extra_data(self, data: dict[str, Any]) -> dict[str, Any]:
        """Nothing of what the provider said is kept but who it is."""
        return {}

    def extract_common_fields(self, data: dict[str, Any]) -> dict[str, Any]:
        fields = super().extract_common_fields(data)
        return {**fields, "email": (fields.get("email") or "").lower()}


class SocialAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[Any]:
        """The one provider of the settings, if there is one."""
        if not settings.OIDC_ISSUER:
            return []
        return [
            SocialApp(
                provider="openid_connect",
                provider_id=PROVIDER,
                name=settings.OIDC_NAME,
                client_id=settings.OIDC_CLIENT_ID,
                secret=settings.OIDC_CLIENT_SECRET,
                settings={"server_url": settings.OIDC_ISSUER.rstrip("/")},
            )
        ]

    def get_requests_session(self) -> Session:
        return outgoing_session()

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return is_open_for_signup()

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Somebody new needs an address that the provider has confirmed. It opens no account that is there already:
        its owner signs in and connects the two."""
        is_new = not sociallogin.is_existing and sociallogin.state.get("process") != AuthProcess.CONNECT
        if is_new and not any(address.verified is True for address in sociallogin.email_addresses):
            raise ImmediateHttpResponse(render_authentication_error(request, sociallogin.provider))

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]) -> Any:
        user = super().populate_user(request, sociallogin, data)
        user.name = str(data.get("name") or "")[:150]
        return user


def outgoing_session() -> Session:
    """The provider may stand in the same house, so its host is spoken to wherever it is; others must be public."""
    return outgoing.session(allowed={outgoing.netloc(settings.OIDC_ISSUER)})
