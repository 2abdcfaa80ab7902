"""Who may make an account: the first person to arrive, or whom the settings allow."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest

from omnicrm.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """SIGNUP=open lets anybody in, closed nobody, first (the default) only until one user exists."""
        return settings.SIGNUP == "open" or (settings.SIGNUP == "first" and not User.objects.exists())
