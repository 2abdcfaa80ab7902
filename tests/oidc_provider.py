"""A small OpenID provider, run as a process of its own: `python -m tests.oidc_provider`. Prints where it is.

Everybody is let in at once, as Grace. GET /next?… says what is wrong with the next token, or whom it is about.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT, SECRET = "omnicrm", "a secret of the client, long enough to sign with it"
KEYS = {name: rsa.generate_private_key(public_exponent=65537, key_size=2048) for name in ("ours", "another")}
GRACE = {"sub": "grace-1", "email": "Grace@Example.com", "email_verified": True, "name": "Grace Hopper"}


class Provider(BaseHTTPRequestHandler):
    codes: dict[str, dict[str, str]] = {}
    wanted: dict[str, str] = {}

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        match url.path:
            case "/next":
                type(self).wanted = query
                self.say({})
            case "/.well-known/openid-configuration":
                self.say(self.configuration())
            case "/keys":
                public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEYS["ours"].public_key()))
                self.say({"keys": [{**public, "kid": "ours", "alg": "RS256", "use": "sig"}]})
            case "/authorize":
                self.authorize(query)
            case "/userinfo":
                self.say({**GRACE, "sub": self.wanted.get("userinfo_sub", "grace-1")})
            case _:
                self.say({}, 404)

    def configuration(self) -> dict[str, Any]:
        here = self.here()
        return {
            "issuer": self.wanted.get("configured_issuer", here),
            "authorization_endpoint": f"{here}/authorize",
            "token_endpoint": f"{here}/token",
            "jwks_uri": self.wanted.get("jwks_uri", f"{here}/keys"),
            "userinfo_endpoint": f"{here}/userinfo",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def authorize(self, query: dict[str, str]) -> None:
        if query.get("client_id") != CLIENT or query.get("response_type") != "code":
            self.say({"error": "invalid_request"}, 400)
            return
        code = secrets.token_urlsafe()
        self.codes[code] = query
        place = f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"
        self.send_response(302)
        self.send_header("Location", place)
        self.end_headers()

    def do_POST(self) -> None:
        form = {
            name: values[0]
            for name, values in parse_qs(
                self.rfile.read(int(self.headers["Content-Length"])).decode()
            ).items()
        }
        asked = self.codes.pop(form.get("code", ""), None)
        if (
            asked is None
            or form.get("client_secret") != SECRET
            or form["redirect_uri"] != asked["redirect_uri"]
        ):
            self.say({"error": "invalid_grant"}, 400)
            return
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        if asked.get("code_challenge_method") != "S256" or challenge != asked["code_challenge"]:
            self.say({"error": "invalid_grant", "error_description": "missing verifier"}, 400)
            return
        said = {"access_token": "kept-by-nobody", "token_type": "Bearer", "id_token": self.token(asked)}
        self.say({name: value for name, value in said.items() if value})

    def token(self, asked: dict[str, str]) -> str:
        """What is asked for, but for what /next changed."""
        now, change = int(time.time()), self.wanted
        claims: dict[str, Any] = {**GRACE, "iss": self.here(), "aud": CLIENT, "iat": now, "exp": now + 300}
        claims["nonce"] = asked.get("nonce", "")
        for name in ("iss", "aud", "nonce", "sub", "email", "name", "azp"):
            if name in change:
                claims[name] = change[name]
        claims["exp"] += int(change.get("late", 0))
        claims["email_verified"] = change.get("email_verified", "yes") == "yes"
        for name in change.get("without", "").split(","):
            claims.pop(name, None)
        match change.get("signed", "ours"):
            case "none":
                return jwt.encode(claims, None, algorithm="none", headers={"kid": "ours"})
            case "secret":
                return jwt.encode(claims, SECRET, algorithm="HS256", headers={"kid": "ours"})
            case "missing":
                return ""
            case key:
                kid = change.get("kid", "ours")
                return jwt.encode(claims, KEYS[key], algorithm="RS256", headers={"kid": kid})

    def here(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]

    def say(self, said: dict[str, Any], status: int = 200) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Not among the lines of the test."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)  # noqa: T201 - it is asked for
    server.serve_forever()
