"""A company's OpenID Connect issuer over real TLS on loopback, with faults to order.

Only what the code flow needs: discovery, keys, authorization (which asks nobody), token. Written
after OpenID Connect Core 1.0; signing by joserfc.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from cheroot.ssl.builtin import BuiltinSSLAdapter
from cheroot.wsgi import Server
from flask import Flask, Response, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

from dcarbon_sandbox.authority import Authority, ensure_authority

CLIENT_ID, CLIENT_SECRET = "dcarbon-at-work", "client-secret-of-tests-long-enough"


@dataclass
class Issuer:
    """The issuer as a test sees and bends it."""

    now: datetime
    ca_file: Path
    address: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    """What the next ID tokens say beyond the registered claims; also replaces those."""
    fault: str = ""
    """``none_alg``, ``other_key``, ``shared_secret``, ``no_id_token``, ``token_refused``, ``down``,
    ``other_issuer``."""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1"}))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)

    def id_token(self, nonce: str) -> str:
        issued = int(self.now.timestamp())
        claims = {
            "iss": self.address,
            "sub": "user-1",
            "aud": CLIENT_ID,
            "iat": issued,
            "exp": issued + 300,
            "nonce": nonce,
            "email": "boss@company.example",
            "email_verified": True,
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.fault == "none_alg":
            head, body = (
                base64.urlsafe_b64encode(part).rstrip(b"=").decode()
                for part in (b'{"alg":"none","kid":"1"}', jsonify(claims).get_data())
            )
            return f"{head}.{body}."
        if self.fault == "shared_secret":
            shared = OctKey.import_key(CLIENT_SECRET)
            return jwt.encode({"alg": "HS256", "kid": "1"}, claims, shared, algorithms=["HS256"])
        key = RSAKey.generate_key(2048) if self.fault == "other_key" else self.key
        return jwt.encode({"alg": "RS256", "kid": "1"}, claims, key)


@contextmanager
def running(directory: Path, *, now: datetime) -> Iterator[Issuer]:
    """Serve an issuer until the block ends; its address and authority are on the result."""
    authority = ensure_authority(directory)
    issuer = Issuer(now, authority.ca)
    server = _server(authority, _application(issuer))
    server.prepare()
    issuer.address = f"https://127.0.0.1:{server.bind_addr[1]}"
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.stop()
        thread.join(10)


def _server(authority: Authority, app: Flask) -> Server:
    server = Server(("127.0.0.1", 0), app, numthreads=2)
    server.ssl_adapter = BuiltinSSLAdapter(str(authority.server), str(authority.server_key))
    return server


def _application(issuer: Issuer) -> Flask:
    app = Flask("issuer", static_folder=None)

    @app.get("/.well-known/openid-configuration")
    def discovery() -> Any:
        if issuer.fault == "down":
            return "", 503
        return jsonify(
            issuer="https://evil.example" if issuer.fault == "other_issuer" else issuer.address,
            authorization_endpoint=f"{issuer.address}/authorize",
            token_endpoint=f"{issuer.address}/token",
            jwks_uri=f"{issuer.address}/keys",
        )

    @app.get("/keys")
    def keys() -> Response:
        return jsonify(KeySet([issuer.key]).as_dict(private=False))

    @app.get("/authorize")
    def authorize() -> Any:
        asked = request.args.to_dict()
        issuer.asked.append(asked)
        code = secrets.token_urlsafe(16)
        issuer.codes[code] = asked
        answer = {"code": code, "state": asked["state"], "iss": issuer.address}
        return redirect(f"{asked['redirect_uri']}?{urlencode(answer)}")

    @app.post("/token")
    def token() -> Any:
        asked = issuer.codes.pop(request.form["code"], None)
        if issuer.fault == "token_refused" or asked is None or not _is_ours(asked):
            return jsonify(error="invalid_grant"), 400
        answer = {"access_token": secrets.token_urlsafe(16), "token_type": "Bearer"}
        if issuer.fault != "no_id_token":
            answer["id_token"] = issuer.id_token(asked["nonce"])
        return jsonify(answer)

    return app


def _is_ours(asked: dict[str, str]) -> bool:
    """Check client, redirect address and PKCE, as an issuer does (RFC 6749 4.1.3, RFC 7636)."""
    given = request.authorization
    verifier = request.form.get("code_verifier", "").encode()
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).rstrip(b"=").decode()
    return (
        given is not None
        and (given.username, given.password) == (CLIENT_ID, CLIENT_SECRET)
        and asked["redirect_uri"] == request.form["redirect_uri"]
        and asked["code_challenge"] == challenge
    )
