"""What Google signs: identity tokens for those who sign in, and for its own pushes. And the keys to check them."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
from functools import cache
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

ISSUER = "https://accounts.google.com"
KEY_ID = "fake-key-1"


@cache
def key() -> rsa.RSAPrivateKey:
    """Of this process. Made when first asked for, since that takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def signed(claims: dict[str, Any], *, now: float, lives: int = 3600) -> str:
    told = {"iss": ISSUER, "iat": int(now), "exp": int(now) + lives, **claims}
    return jwt.encode(told, key(), algorithm="RS256", headers={"kid": KEY_ID})


def keys() -> dict[str, Any]:
    """As `/oauth2/v3/certs` has them."""
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key().public_key()))
    return {"keys": [{**public, "kid": KEY_ID, "alg": "RS256", "use": "sig"}]}


@cache
def certificates() -> dict[str, str]:
    """As `/oauth2/v1/certs` has them."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fake Google")])
    begins = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key().public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins + datetime.timedelta(days=36_500))
        .sign(key(), hashes.SHA256())
    )
    return {KEY_ID: certificate.public_bytes(serialization.Encoding.PEM).decode()}


def challenge(verifier: str) -> str:
    """PKCE, S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
