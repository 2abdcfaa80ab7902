"""A session in which somebody has signed in, just now or a while ago, without the form."""

from __future__ import annotations

import time
from typing import Any

from django.test import Client

from omnicrm.models import User


def signed_in(client: Client, user: User, *, seconds_ago: float = 0) -> Client:
    """This browser, in which this user signed in with a password so many seconds ago."""
    client.force_login(user)
    session = client.session
    remember(session, user, seconds_ago)
    session.save()
    return client


def remember(session: Any, user: User, seconds_ago: float = 0, method: str = "password") -> None:
    """What allauth notes when somebody signs in or confirms that it is them."""
    session["account_authentication_methods"] = [{"method": method, "at": time.time() - seconds_ago}]
    session["account_authentication_methods_user"] = str(user.pk)
