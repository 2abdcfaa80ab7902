"""What belongs to an account rather than to the person's data: a second address, a passkey, another session."""

from __future__ import annotations

import hashlib
import time
from typing import Any

from allauth.account.internal.flows import login
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from cryptography.hazmat.primitives.asymmetric import ec
from django.test import Client
from fido2 import webauthn
from fido2.cose import ES256

from omnicrm.models import User
from tests.isolation.planting import Rows

ACCOUNT = {
    900: "omnicrm.User.name",
    901: "omnicrm.User.email",
    902: "account.EmailAddress.email",
    903: "mfa.Authenticator.data",
    904: "usersessions.UserSession.user_agent",
}
"""Which column each canary of an account sits in, by its number."""


def plant_account(user: User, mark: str) -> Rows:
    """A row of each model that says something of this account, with canaries."""
    address = f"canary-{mark}902@example.org"
    return {
        EmailAddress: EmailAddress.objects.create(user=user, email=address, verified=True),
        Authenticator: make_passkey(user, f"canary-{mark}903"),
        UserSession: make_session(user, f"canary-{mark}904"),
    }


def make_session(user: User, browser: str) -> UserSession:
    elsewhere = Client()
    elsewhere.force_login(user)
    key = elsewhere.session.session_key
    return UserSession.objects.create(user=user, session_key=key, ip="192.0.2.1", user_agent=browser)


def make_passkey(user: User, name: str) -> Authenticator:
    data = {"name": name, "credential": registration(name.encode())}
    return Authenticator.objects.create(user=user, type=Authenticator.Type.WEBAUTHN, data=data)


def registration(credential_id: bytes) -> dict[str, Any]:
    """What a browser answers when somebody makes a passkey, without a maker's word for the device."""
    key = ES256.from_cryptography_key(ec.generate_private_key(ec.SECP256R1()).public_key())
    flags = webauthn.AuthenticatorData.FLAG.AT | webauthn.AuthenticatorData.FLAG.UP
    credential = webauthn.AttestedCredentialData.create(bytes(16), credential_id, key)
    site = hashlib.sha256(b"testserver").digest()
    made = webauthn.AuthenticatorData.create(site, flags, 0, credential)
    response = webauthn.AuthenticatorAttestationResponse(
        client_data=webauthn.CollectedClientData.create("webauthn.create", bytes(32), "https://testserver"),
        attestation_object=webauthn.AttestationObject.create("none", made, {}),
    )
    return dict(webauthn.RegistrationResponse(raw_id=credential_id, response=response))


def sign_in(client: Client, user: User) -> None:
    """As somebody who has shown a moment ago that it is them, so that no page asks for it once more."""
    client.force_login(user)
    session = client.session
    shown = {"method": "mfa", "at": time.time(), "reauthenticated": True}
    session[login.AUTHENTICATION_METHODS_SESSION_KEY] = [shown]
    session[login._AUTHENTICATION_METHODS_USER_SESSION_KEY] = login.user_id_to_str(user)
    session.save()
