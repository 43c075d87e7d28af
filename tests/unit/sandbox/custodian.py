"""A data custodian in process, and the steps a third party and its customer take with it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flask import Flask
from lxml import etree
from werkzeug.test import TestResponse

from dcarbon_sandbox.app import Options, Sandbox, create_app
from dcarbon_sandbox.clock import SandboxClock
from dcarbon_sandbox.green_button.profiles import PROFILES, Profile
from dcarbon_sandbox.green_button.scopes import GROUPS
from dcarbon_sandbox.state import SandboxState

ROOT = "https://127.0.0.1:8443"
CALLBACK = "http://127.0.0.1:5000/callback"
NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
ESPI = "{http://naesb.org/espi}"
ATOM = "{http://www.w3.org/2005/Atom}"


def make_app(state: SandboxState | None = None, options: Options | None = None) -> Flask:
    """Return a sandbox whose clock stands still; close its ``Sandbox`` afterwards."""
    return create_app(
        state or SandboxState(),
        base_url=lambda: ROOT,
        clock=SandboxClock(NOW),
        options=options,
        background=False,
    )


@dataclass
class ThirdParty:
    """The registered client of one utility, with a browser for its customer."""

    app: Flask
    code: str = "generic"
    certificate: bool = True
    callback: str = CALLBACK
    extra: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.browser = self.app.test_client()

    @property
    def profile(self) -> Profile:
        return PROFILES[self.code]

    @property
    def sandbox(self) -> Sandbox:
        sandbox: Sandbox = self.app.extensions["sandbox"]
        return sandbox

    def call(self, method: str, url: str, *, token: str | None = None, **more: Any) -> TestResponse:
        """Call the API; a path is taken below the resource base."""
        parts = urlsplit(url)
        path = (
            parts.path
            if parts.scheme
            else f"{self.profile.base_path}/{url.split('?', maxsplit=1)[0]}"
        )
        query = more.pop("query", None) or dict(parse_qsl(parts.query))
        headers = dict(more.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        environ = {"SSL_CLIENT_VERIFY": "SUCCESS"} if self.certificate else {}
        return self.app.test_client().open(
            path,
            method=method,
            base_url=ROOT,
            query_string=query,
            headers=headers,
            environ_overrides=environ,
            **more,
        )

    def get(self, url: str, token: str | None = None, **query: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in query.items()}
        return self.call("GET", url, token=token, query=named)

    def post_token(self, basic: str | None = "registered", **form: str) -> TestResponse:
        """Call the token endpoint; ``basic`` is ``id:secret``, or ``None`` for no header."""
        if basic == "registered":
            basic = f"{self.profile.client_id}:{self.profile.client_secret}"
        headers = {}
        if basic is not None:
            headers["Authorization"] = "Basic " + b64encode(basic.encode()).decode()
        return self.call("POST", ROOT + self.profile.token_path, headers=headers, data=form)

    def asked(self, **changes: str | None) -> dict[str, str]:
        """Return the parameters of an authorization request; ``None`` leaves one out."""
        usual = {
            "response_type": "code",
            "client_id": self.profile.client_id,
            "redirect_uri": self.callback,
            "state": "opaque",
            **self.extra,
            **changes,
        }
        return {name: value for name, value in usual.items() if value is not None}

    def visit(self, form: Mapping[str, Any] | None = None, **changes: str | None) -> TestResponse:
        """Open the authorize page in the customer's browser, or post a form to it."""
        return self.browser.open(
            self.profile.authorize_path,
            method="POST" if form else "GET",
            base_url="http://127.0.0.1:8480",
            query_string=self.asked(**changes),
            data=form,
        )

    def decide(
        self,
        login: str = "sunny",
        *,
        meters: Sequence[str] | None = None,
        groups: Sequence[str] = GROUPS,
        decision: str = "approve",
        duration_days: str = "0",
        **changes: str | None,
    ) -> dict[str, str]:
        """Walk the pages as the customer and return the callback's parameters."""
        self.visit({"step": "login", "username": login, "password": login}, **changes)
        customer = self.sandbox.custodians[self.code].customer(login)
        assert customer is not None
        form = {
            "step": "consent",
            "meter": list(meters or [meter.id for meter in customer.meters]),
            "group": list(groups),
            "history_months": "24",
            "duration_days": duration_days,
            "decision": decision,
        }
        response = self.visit(form, **changes)
        assert response.status_code == 302, response.text
        return dict(parse_qsl(urlsplit(response.headers["Location"]).query))

    def authorize(self, login: str = "sunny", **choices: Any) -> dict[str, Any]:
        """Walk the whole flow and return the token answer."""
        code = self.decide(login, **choices)["code"]
        response = self.post_token(
            grant_type="authorization_code", code=code, redirect_uri=self.callback
        )
        assert response.status_code == 200, response.text
        token: dict[str, Any] = response.get_json()
        return token

    def client_token(self, **more: str) -> str:
        answer = self.post_token(grant_type="client_credentials", **more).get_json()
        return str(answer.get("access_token") or answer["client_access_token"])


def entries(content: bytes, name: str) -> list[etree._Element]:
    """Return the ESPI elements of this name in a document."""
    return list(etree.fromstring(content).iter(ESPI + name))


def numbers(content: bytes, path: str) -> list[int]:
    """Return the numbers at an ESPI path such as ``IntervalReading/value``, in document order."""
    *above, last = path.split("/")
    found = etree.fromstring(content).iterfind(
        ".//" + "/".join(ESPI + part for part in (*above, last))
    )
    return [int(element.text or "") for element in found]
