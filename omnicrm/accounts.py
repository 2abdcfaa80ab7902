"""Who may make an account and who gets into one: what we ask of allauth beyond what it does by itself.

Guesses are counted per account and address (omnicrm.ratelimits), so whoever guesses keeps the owner out from
nowhere else. An address that has an account is answered as one that has none, after the same work.
"""

from __future__ import annotations

import base64
import hmac
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.forms import AddEmailForm
from allauth.account.internal.flows.login import record_authentication
from allauth.account.models import EmailAddress
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse, ReauthenticationRequired
from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa.adapter import DefaultMFAAdapter, get_adapter
from allauth.mfa.base import forms as mfa_forms
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import decrypt
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from omnicrm import problems
from omnicrm.crypto import from_text, place
from omnicrm.http import leads_to_us
from omnicrm.models import User
from omnicrm.ratelimits import guess, guessed_right
from omnicrm.reauthentication import is_sure
from omnicrm.sealed import keyring

SECRETS = place("mfa_authenticator", "data", "", "")
"""allauth hands over the secret alone, so it cannot be bound to its row."""


def is_open_for_signup() -> bool:
    """SIGNUP=open lets anybody in, closed nobody, first (the default) only until one user exists."""
    return settings.SIGNUP == "open" or (settings.SIGNUP == "first" and not User.objects.exists())


def count_guess(request: HttpRequest, *whose: str) -> None:
    """Ends the request with 429 when this address has guessed too often at this account."""
    if seconds := guess(request, *whose):
        raise ImmediateHttpResponse(problems.too_often(request, retry_after=seconds))


class Backend(AuthenticationBackend):  # type: ignore[misc]
    def _authenticate_by_email(self, email: str, password: str) -> User | None:
        """By the address of the account alone: another that somebody has not confirmed may be somebody else's."""
        user = User.objects.filter(email=User.objects.normalize_email(email)).first()
        found: User | None = self._check_password(user, password)
        return found


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return is_open_for_signup()

    def is_safe_url(self, url: str | None) -> bool:
        return url is not None and leads_to_us(context.request, url)

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        email = str(credentials.get("email", "")).lower()
        count_guess(request, "password", email)
        user: User | None = super().authenticate(request, **credentials)
        if user is not None:
            guessed_right(request, "password", email)
        return user

    def post_login(self, request: HttpRequest, user: User, *, signup: bool, **more: Any) -> HttpResponse:
        """Who has just chosen a password need not type it again at the next sensitive door."""
        if signup and user.has_usable_password():
            record_authentication(request, user, "password")
        response: HttpResponse = super().post_login(request, user, signup=signup, **more)
        return response

    def is_reauthentication_required(self, *, app: str = "", **kwargs: Any) -> bool:
        """allauth would take the password alone from somebody with a second factor."""
        if not is_sure(self.request):
            raise ReauthenticationRequired
        return False

    def send_account_already_exists_mail(self, email: str) -> None:
        """Somebody signs up with an address that has an account: this must not be the quicker answer."""
        make_password(email)
        super().send_account_already_exists_mail(email)


class ChangeEmailForm(AddEmailForm):  # type: ignore[misc]
    def save(self, request: HttpRequest) -> EmailAddress:
        """allauth replaces what is not confirmed yet, and must not take the address that is in use for that."""
        confirmed = {"verified": True, "primary": True}
        EmailAddress.objects.update_or_create(user=self.user, email=self.user.email, defaults=confirmed)
        return super().save(request)


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    def encrypt(self, text: str) -> str:
        return base64.b64encode(keyring().seal(text.encode(), SECRETS)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return keyring().open(from_text(encrypted_text), SECRETS).decode()


class OnceOnly:
    """A form for a code, which lets each code in once: one request at a time, and Postgres remembers."""

    user: User
    cleaned_data: dict[str, Any]

    def clean_code(self) -> str:
        count_guess(context.request, "code", str(self.user.pk))
        code = str(normalize_user_code(self.cleaned_data["code"]))
        with transaction.atomic():
            asked = Authenticator.objects.filter(user=self.user).exclude(type=Authenticator.Type.WEBAUTHN)
            self.authenticator = next((one for one in asked.select_for_update() if opens(one, code)), None)
        if self.authenticator is None:
            raise get_adapter().validation_error("incorrect_code")
        self.authenticator.user = self.user
        guessed_right(context.request, "code", str(self.user.pk))
        return code


class AuthenticateForm(OnceOnly, mfa_forms.AuthenticateForm):  # type: ignore[misc]
    """The second step of signing in."""


class ReauthenticateForm(OnceOnly, mfa_forms.ReauthenticateForm):  # type: ignore[misc]
    """Whoever has signed in a while ago, asked once more."""


def opens(authenticator: Authenticator, code: str) -> bool:
    """Whether this code is right and new. It is used up by that."""
    if authenticator.type != Authenticator.Type.TOTP:
        return bool(authenticator.wrap().validate_code(code))
    secret, used = decrypt(authenticator.data["secret"]), authenticator.data.get("used", 0)
    for counter in totp.yield_hotp_counters_from_time():
        right = totp.format_hotp_value(totp.hotp_value(secret, counter))
        if counter > used and hmac.compare_digest(right, code):
            authenticator.data["used"] = counter
            authenticator.save(update_fields=["data"])
            return True
    return False
