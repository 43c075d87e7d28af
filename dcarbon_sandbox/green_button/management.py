"""The custodian's other API: tokens, authorizations, application, status (reference 3, 4.7)."""

from __future__ import annotations

import json

from flask import Blueprint, Response, abort, request

from dcarbon_sandbox.green_button.access import Gate
from dcarbon_sandbox.green_button.custodian import Custodian
from dcarbon_sandbox.green_button.records_feed import (
    SERVICE_STATUS,
    RecordWriter,
    Registration,
)
from dcarbon_sandbox.green_button.store import REVOKED, Authorization

_ATOM = "application/atom+xml"
_CREDENTIALS = {"client_id", "client_secret"}


class Management:
    """The view functions of one utility's token endpoint and record resources."""

    def __init__(self, custodian: Custodian, gate: Gate) -> None:
        self._custodian, self._gate = custodian, gate

    def routes(self, blueprint: Blueprint) -> None:
        profile = self._custodian.profile
        base = profile.base_path
        every = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"]
        add = blueprint.add_url_rule
        add(profile.token_path, view_func=self.token, methods=every)
        add(profile.revoke_path, view_func=self.revoke, methods=["POST"])
        add(f"{base}/ReadServiceStatus", view_func=self.service_status)
        add(f"{base}/Authorization", view_func=self.authorizations)
        one = f"{base}/Authorization/<authorization_id>"
        add(one, view_func=self.authorization)
        add(one, view_func=self.end_authorization, methods=["DELETE"])
        add(f"{base}/ApplicationInformation/<application_id>", view_func=self.application)

    def token(self) -> Response:
        """Answer the token endpoint by the matrix of reference 3.12."""
        if request.method != "POST":
            return _oauth_error(405, "invalid_request", f"{request.method} not permitted")
        basic = request.headers.get("Authorization", "").lower().startswith("basic ")
        if basic and _CREDENTIALS & set(request.values):
            return _oauth_error(400, "invalid_request", "Credentials were sent twice")
        if not request.values.get("grant_type"):
            return _oauth_error(400, "invalid_request", "Missing grant_type")
        # One at a time: a code or one-time refresh token must not be used twice in a race.
        with self._custodian.store.state.lock:
            try:
                response: Response = self._custodian.oauth.server.create_token_response()
            except UnicodeDecodeError:
                return _oauth_error(401, "invalid_client", "The credentials are not text")
        return response

    def revoke(self) -> Response:
        response: Response = self._custodian.oauth.server.create_endpoint_response("revocation")
        return response

    def service_status(self) -> Response:
        self._gate.token("client")
        return Response(SERVICE_STATUS, mimetype="application/xml")

    def authorizations(self) -> Response:
        self._gate.token("client")
        custodian, writer = self._custodian, self._writer()
        entries = [
            writer.authorization(a, self._token_end(a))
            for a in custodian.store.authorizations(custodian.profile.code)
        ]
        href = custodian.oauth.resource("Authorization")
        return Response(writer.feed("Green Button Authorizations", href, entries), mimetype=_ATOM)

    def authorization(self, authorization_id: str) -> Response:
        # A client of the wild reads it with the customer's token; PG&E's table says client.
        token = self._gate.token("client", "access")
        if token.authorization not in (None, authorization_id):
            abort(403)
        found = self._found(authorization_id)
        entry = self._writer().authorization(found, self._token_end(found))
        return Response(self._custodian.dialect.document(entry), mimetype=_ATOM)

    def end_authorization(self, authorization_id: str) -> Response:
        self._gate.token("client")
        found = self._found(authorization_id)
        if found.status != REVOKED:
            self._custodian.store.revoke(found)
        return Response(status=200)

    def application(self, application_id: str) -> Response:
        self._gate.token("registration")
        custodian = self._custodian
        if application_id != custodian.profile.application_id:
            abort(404)
        registration = Registration(
            base=custodian.base,
            root=custodian.uri(""),
            redirect_uris=custodian.around.redirect_uris or ("http://127.0.0.1/",),
            notify_uri=custodian.around.notifier.uri_of(custodian.profile.code) or "",
        )
        entry = self._writer().application(registration)
        return Response(custodian.dialect.document(entry), mimetype=_ATOM)

    def _found(self, authorization_id: str) -> Authorization:
        found = self._custodian.store.authorization(authorization_id)
        if found is None or found.utility != self._custodian.profile.code:
            abort(404)
        return found

    def _token_end(self, authorization: Authorization) -> int:
        newest = authorization.access[-1] if authorization.access else ""
        token = self._custodian.store.token(newest)
        return token.expires_at if token else authorization.updated_at

    def _writer(self) -> RecordWriter:
        custodian = self._custodian
        return RecordWriter(custodian.profile, custodian.dialect, custodian.base, custodian.now())


def _oauth_error(status: int, error: str, description: str) -> Response:
    body = json.dumps({"error": error, "error_description": description})
    response = Response(body, status, mimetype="application/json")
    if status == 405:
        response.headers["Allow"] = "POST"
    return response
