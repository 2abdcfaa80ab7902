"""What would let somebody in who has not shown who they are, found before it is served to others."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from omnicrm.checks import LOCAL, site_host
from omnicrm.models import User

DEMO_EMAIL, DEMO_PASSWORD = "demo@example.org", "demo only, not secret"  # printed, for a local trial


@register(Tags.security)
def ways_in(**_: Any) -> list[CheckMessage]:
    """Nobody gets in without showing who they are, wherever others can reach us."""
    found: list[CheckMessage] = []
    if settings.DEBUG and site_host() in LOCAL:
        return found
    if strange := sorted(set(settings.AUTHENTICATION_BACKENDS) - {"omnicrm.accounts.Backend"}):
        words = f"{', '.join(strange)} may let people in without their password."
        hint = 'Leave AUTHENTICATION_BACKENDS as it is: ["omnicrm.accounts.Backend"].'
        found.append(Error(words, hint=hint, id="omnicrm.E012"))
    if "OAUTHLIB_INSECURE_TRANSPORT" in os.environ:
        words = "OAUTHLIB_INSECURE_TRANSPORT is set, so keys of providers could travel unencrypted."
        hint = "Take OAUTHLIB_INSECURE_TRANSPORT out of the environment; it is for development alone."
        found.append(Error(words, hint=hint, id="omnicrm.E013"))
    if getattr(settings, "MFA_TOTP_INSECURE_BYPASS_CODE", None):
        words = "MFA_TOTP_INSECURE_BYPASS_CODE is set: one code would open every account."
        found.append(Error(words, hint="Remove MFA_TOTP_INSECURE_BYPASS_CODE.", id="omnicrm.E014"))
    return [*found, *provider()]


def provider() -> list[CheckMessage]:
    """Whoever can stand between us and the provider could sign on as anybody."""
    host = urlsplit(settings.OIDC_ISSUER).hostname or ""
    found: list[CheckMessage] = []
    if settings.OIDC_ISSUER.startswith("http://") and host not in LOCAL:
        words = f"OIDC_ISSUER is {settings.OIDC_ISSUER}: whoever listens could sign on as anybody."
        hint = f"Set OIDC_ISSUER=https://{host}"
        found.append(Error(words, hint=hint, id="omnicrm.E015"))
    if settings.OIDC_ISSUER and not (settings.OIDC_CLIENT_ID and settings.OIDC_CLIENT_SECRET):
        words = "OIDC_ISSUER is set, and OIDC_CLIENT_ID or OIDC_CLIENT_SECRET is not."
        hint = "Set both to what the provider shows for this server."
        found.append(Error(words, hint=hint, id="omnicrm.E016"))
    return found


GOOGLE_PLACES = (
    "GOOGLE_API_ROOT",
    "GOOGLE_AUTH_URI",
    "GOOGLE_TOKEN_URI",
    "GOOGLE_REVOKE_URI",
    "GOOGLE_USERINFO_URI",
    "GOOGLE_CERTS_URI",
)
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@register(Tags.security)
def google(**_: Any) -> list[CheckMessage]:
    """Tokens that open somebody's mail go nowhere unencrypted, but to this very machine."""
    found: list[CheckMessage] = []
    for name in GOOGLE_PLACES:
        place = urlsplit(getattr(settings, name))
        if place.scheme == "http" and place.hostname not in LOOPBACK:
            words = f"{name} is {place.geturl()}: whoever listens could read the mail of everybody connected."
            hint = f"Set {name}={place._replace(scheme='https').geturl()}"
            found.append(Error(words, hint=hint, id="omnicrm.E021"))
    if bool(settings.GOOGLE_CLIENT_ID) != bool(settings.GOOGLE_CLIENT_SECRET):
        words = "One of GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET is set, and the other is not."
        hint = "Set both to what the Google Cloud console shows for the OAuth client, or neither."
        found.append(Error(words, hint=hint, id="omnicrm.E022"))
    return [*found, *pushes()]


TOPIC = re.compile(r"projects/[^/\s]+/topics/[^/\s]+")


def pushes() -> list[CheckMessage]:
    """Whose word it is that something has changed must be said; and Google tells of calendars over https alone."""
    found: list[CheckMessage] = []
    if settings.GOOGLE_PUBSUB_TOPIC and not TOPIC.fullmatch(settings.GOOGLE_PUBSUB_TOPIC):
        words = f"GOOGLE_PUBSUB_TOPIC is {settings.GOOGLE_PUBSUB_TOPIC}, which names no topic."
        hint = "Set GOOGLE_PUBSUB_TOPIC=projects/…/topics/…, as the Google Cloud console shows it, or leave it out."
        found.append(Error(words, hint=hint, id="omnicrm.E023"))
    if bool(settings.GOOGLE_PUBSUB_TOPIC) != bool(settings.GOOGLE_PUSH_ACCOUNT):
        words = "One of GOOGLE_PUBSUB_TOPIC and GOOGLE_PUSH_ACCOUNT is set, and the other is not."
        hint = "Set GOOGLE_PUSH_ACCOUNT to the service account of the push subscription, or leave out both."
        found.append(Error(words, hint=hint, id="omnicrm.E024"))
    place = urlsplit(settings.SITE_URL)
    if settings.GOOGLE_CALENDAR_PUSH and place.scheme == "http" and place.hostname not in LOOPBACK:
        words = f"GOOGLE_CALENDAR_PUSH is on, and Google sends nothing to {settings.SITE_URL}."
        hint = f"Set SITE_URL={place._replace(scheme='https').geturl()}, or GOOGLE_CALENDAR_PUSH=0."
        found.append(Error(words, hint=hint, id="omnicrm.E025"))
    return found


@register(Tags.security, deploy=True)
def open_sign_up(**_: Any) -> list[CheckMessage]:
    """Where anybody may make an account, a letter must reach its address first."""
    if settings.SIGNUP != "open":
        return []
    if settings.EMAIL_HOST and settings.ACCOUNT_EMAIL_VERIFICATION == "mandatory":
        return []
    words = "SIGNUP is open, and no mail leaves: nobody could confirm that an address is theirs."
    hint = "Set EMAIL_HOST to a mail server, or SIGNUP=first."
    return [Error(words, hint=hint, id="omnicrm.E017")]


@register(Tags.security, deploy=True)
def secure_cookies(**_: Any) -> list[CheckMessage]:
    """SECURE=0 behind https:// is a mistake, and Django's own words for it are silenced without TLS."""
    if not settings.SITE_URL.startswith("https://") or settings.SESSION_COOKIE_SECURE:
        return []
    words = "SITE_URL is https://, and SECURE is off: the cookie of a session could travel unencrypted."
    return [Error(words, hint="Remove SECURE, or set it to 1.", id="omnicrm.E018")]


@register(Tags.database, deploy=True)
def demonstration(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """The account of `seed_demo` has a password that everybody can read. Asked in `check --database default --deploy`."""
    if "default" not in (databases or ()) or site_host() in LOCAL:
        return []
    user = User.objects.filter(email=DEMO_EMAIL, is_active=True).first()
    if user is None or not user.check_password(DEMO_PASSWORD):
        return []
    words = f"{DEMO_EMAIL} has the password of the demonstration, which everybody can read."
    hint = "Erase that account, or change its password."
    return [Error(words, hint=hint, id="omnicrm.E019")]
