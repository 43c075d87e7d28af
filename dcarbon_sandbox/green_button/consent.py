"""The pages where a customer decides: sign in or guest, choose, approve or deny (reference 3.3).

Plain forms that post to their own address, so that a script walks them as a browser does.
"""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlencode

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidClientError
from authlib.oauth2.rfc6749.errors import UnsupportedResponseTypeError
from flask import Blueprint, Response, make_response, redirect, render_template, request, session

from dcarbon_sandbox.customers import SandboxCustomer
from dcarbon_sandbox.green_button import scopes
from dcarbon_sandbox.green_button.custodian import Custodian
from dcarbon_sandbox.green_button.oauth_models import is_loopback
from dcarbon_sandbox.green_button.store import Consent

HISTORIES_MONTHS = (6, 12, 24, 36, 48)
_MONTH_S = 2_628_000  # a twelfth of 365 days
_DAY_S = 86400
_WORDS = {
    "usage": "Usage in intervals",
    "billing": "Bills and billing periods",
    "basic": "Name and service address",
    "account": "Account and service agreement",
    "program": "Programme enrolment",
}


class ConsentPages:
    """The authorize endpoint of one utility."""

    def __init__(self, custodian: Custodian) -> None:
        self._custodian = custodian

    def routes(self, blueprint: Blueprint) -> None:
        profile = self._custodian.profile
        blueprint.add_url_rule(
            profile.authorize_path, view_func=self.authorize, methods=["GET", "POST"]
        )
        blueprint.add_url_rule(profile.scope_screen_path, view_func=self.scope_screen)

    def authorize(self) -> Response:
        """Check the request, then show a page or act on its form."""
        try:
            grant = self._custodian.oauth.server.get_consent_grant()
        except OAuth2Error as error:
            return self._refusal(error)
        except ValueError:  # Authlib will not repeat odd characters in an error's description
            return _unserved(400)
        step = request.form.get("step", "") if request.method == "POST" else ""
        return self._act(step, grant)

    def _act(self, step: str, grant: Any) -> Response:
        if step in {"login", "guest"}:
            return self._sign_in(step)
        if step == "cancel":
            return self._end(grant, None)
        if step == "logout":
            session.pop(self._key, None)
        customer = self._custodian.customer(session.get(self._key, ""))
        if customer is None:
            return self._login_page()
        if step == "consent":
            return self._decide(grant, customer)
        return self._consent_page(customer)

    def scope_screen(self) -> Response:
        """The scope-selection redirects of before version 4.0 (reference 3.2)."""
        if not self._custodian.switches.legacy_redirects:
            return _page(404, "No such page", "This utility has no scope selection screen.")
        client = request.args.get("ThirdPartyID")
        back = request.args.get("return_to", "")
        if client != self._custodian.profile.client_id or not is_loopback(back):
            return _page(
                400,
                "This request cannot be served",
                "ThirdPartyID and a registered return_to are needed.",
            )
        fields = [("scope", value) for value in request.args.getlist("scope")]
        fields.append(("DataCustodianID", self._custodian.profile.code.upper()))
        if request.args.get("chosen"):
            return _redirect(f"{back}{'&' if '?' in back else '?'}{urlencode(fields)}")
        asked = [(k, v) for k in request.args for v in request.args.getlist(k)]
        return make_response(
            render_template(
                "sandbox/message.html",
                heading="What DCarbon asks for",
                text=", ".join(request.args.getlist("scope")) or "Everything it may.",
                form_action=request.path,
                fields=[*asked, ("chosen", "1")],
                button="Continue",
            )
        )

    @property
    def _key(self) -> str:
        return f"login:{self._custodian.profile.code}"

    @property
    def _action(self) -> str:
        query = request.query_string.decode("latin-1")
        return f"{request.path}?{query}"

    def _refusal(self, error: OAuth2Error) -> Response:
        """Redirect with the error where the redirect address is known good, else show a page."""
        server = self._custodian.oauth.server
        if error.redirect_uri:
            unsupported = isinstance(error, UnsupportedResponseTypeError)
            strict = self._custodian.dialect.name == "pge"
            if unsupported and (strict or not request.values.get("response_type")):
                error.error = "invalid_request"
            response: Response = server.handle_error_response(None, error)
            return response
        unknown = isinstance(error, InvalidClientError) or (
            request.values.get("client_id") != self._custodian.profile.client_id
        )
        status = self._custodian.switches.bad_client_status if unknown else 400
        return _unserved(status)

    def _sign_in(self, step: str) -> Response:
        customer = self._named() if step == "login" else self._guest()
        if customer is None:
            return self._login_page("No customer with these details. See the list below.")
        session[self._key] = customer.login
        return _redirect(self._action)

    def _named(self) -> SandboxCustomer | None:
        customer = self._custodian.customer(request.form.get("username", "").strip())
        given = request.form.get("password", "")
        if customer and secrets.compare_digest(given.encode(), customer.password.encode()):
            return customer
        return None

    def _guest(self) -> SandboxCustomer | None:
        account = request.form.get("account", "").strip()
        postal_code = request.form.get("postal_code", "").strip()
        return next(
            (
                c
                for c in self._custodian.customers()
                if (c.account_id, c.postal_code) == (account, postal_code)
            ),
            None,
        )

    def _login_page(self, problem: str | None = None) -> Response:
        page = render_template(
            "sandbox/login.html",
            utility=self._custodian.profile.name,
            action=self._action,
            customers=self._custodian.customers(),
            problem=problem,
        )
        return make_response(page, 422 if problem else 200)

    def _consent_page(self, customer: SandboxCustomer, problem: str | None = None) -> Response:
        page = render_template(
            "sandbox/consent.html",
            utility=self._custodian.profile.name,
            action=self._action,
            customer=customer,
            groups=self._offered(),
            words=_WORDS,
            histories=HISTORIES_MONTHS,
            scope=request.args.get("scope"),
            problem=problem,
        )
        return make_response(page, 422 if problem else 200)

    def _offered(self) -> tuple[str, ...]:
        if self._custodian.switches.consent_decides_scope:
            return scopes.GROUPS
        return scopes.groups_of(self._requested())

    def _requested(self) -> str:
        return request.args.get("scope") or self._custodian.profile.default_scope

    def _decide(self, grant: Any, customer: SandboxCustomer) -> Response:
        faults, providers = self._custodian.around.faults, self._custodian.oauth.providers
        refused = request.form.get("decision") != "approve"
        if refused or faults.take("decline", providers=providers):
            return self._end(grant, None)
        groups = [g for g in request.form.getlist("group") if g in self._offered()]
        chosen = [m for m in customer.meters if m.id in request.form.getlist("meter")]
        if not groups or not chosen:
            return self._consent_page(customer, "Choose at least one service and kind of data.")
        rule = faults.take("narrow_scope", providers=providers)
        if rule is not None:
            groups, chosen = list(rule.parameters.get("groups", ["usage"])), chosen[:1]
        history_s = _months(request.form.get("history_months")) * _MONTH_S
        consent = Consent(
            login=customer.login,
            scope=scopes.granted(
                self._custodian.profile, self._requested(), groups, chosen, history_s
            ),
            groups=tuple(groups),
            meters=tuple(meter.id for meter in chosen),
            history_s=history_s,
            until=self._until(request.form.get("duration_days")),
        )
        return self._end(grant, consent)

    def _until(self, days: str | None) -> int:
        wanted = int(days) if days and days.isascii() and days.isdecimal() else 0
        return self._custodian.store.now() + wanted * _DAY_S if wanted else 0

    def _end(self, grant: Any, consent: Consent | None) -> Response:
        """Send the customer back with a code, or with ``access_denied``."""
        session.pop(self._key, None)
        response: Response = self._custodian.oauth.server.create_authorization_response(
            grant_user=consent, grant=grant
        )
        if consent and self._custodian.switches.redirect_has_scope:
            response.headers["Location"] += "&" + urlencode({"scope": consent.scope})
        return response


def _months(text: str | None) -> int:
    known = {str(months): months for months in HISTORIES_MONTHS}
    return known.get(text or "", 24)


def _unserved(status: int) -> Response:
    return _page(
        status,
        "This request cannot be served",
        "The application that sent you here is not known, or wants you sent to an address "
        "it has not registered. Go back to it and tell its operator.",
    )


def _redirect(to: str) -> Response:
    return make_response(redirect(to, 303))


def _page(status: int, heading: str, text: str) -> Response:
    page = render_template("sandbox/message.html", heading=heading, text=text)
    return make_response(page, status)
