"""Who may make an account, and how the secrets of a second factor are kept."""

from __future__ import annotations

import base64

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.http import HttpRequest

from omnicrm.crypto import from_text, place
from omnicrm.models import User
from omnicrm.sealed import keyring

SECRETS = place("mfa_authenticator", "data", "", "")
"""allauth hands over the secret alone, so it cannot be bound to its row."""


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """SIGNUP=open lets anybody in, closed nobody, first (the default) only until one user exists."""
        return settings.SIGNUP == "open" or (settings.SIGNUP == "first" and not User.objects.exists())


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    def encrypt(self, text: str) -> str:
        return base64.b64encode(keyring().seal(text.encode(), SECRETS)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return keyring().open(from_text(encrypted_text), SECRETS).decode()
