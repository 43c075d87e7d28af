"""The hosted form, as a customer meets it: utility, sign in, agree or decline (section 7)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from flask import Response, make_response, redirect, render_template, request

from dcarbon_sandbox.utilityapi import forms, lifecycle, scenarios
from dcarbon_sandbox.utilityapi.service import PROVIDER, Record, Service

_CARRIED = ("f", "redirect_uri", "state", "noredirect")
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_SIGN_INS_KEPT = 1000
_ERROR_TEXTS = {
    "access_denied": "User declined authorization",
    "access_invalid": "The login was not accepted",
    "utility_down": "The utility's website is down",
}


class PageError(Exception):
    """The form cannot be shown or submitted; the text is for the person."""


def page(service: Service, portal: str) -> Response:
    """Show the step that comes next, or take the answer of the last one."""
    try:
        with service.state.lock:
            form = _form(service, portal)
            return _step(service, form)
    except PageError as error:
        return _rendered("error", 400, message=str(error))


def _form(service: Service, portal: str) -> Record | None:
    """Return the form of the link, ``None`` for the portal's public link."""
    if portal != service.setting("portal"):
        raise PageError("There is no such form.")
    if not _is_allowed_redirect(service, request.values.get("redirect_uri", "")):
        raise PageError("The return address is not registered for this form.")
    link = request.values.get("f", "")
    if not link:
        return None
    form = forms.form_by_link(service, link)
    if form is None or form["disabled"] or form["is_archived"]:
        raise PageError("This form does not exist or is no longer open.")
    return form


def _is_allowed_redirect(service: Service, address: str) -> bool:
    if not address or address in service.setting("redirect_uris"):
        return True
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    loopback = parts.scheme in {"http", "https"} and parts.hostname in _LOOPBACK
    return loopback and bool(service.setting("any_loopback_redirect"))


def _step(service: Service, form: Record | None) -> Response:
    step = request.form.get("step", "")
    if step == "login":
        return _sign_in(service, form)
    if step == "consent":
        return _conclude(service, form)
    preset = form["utility"] if form else None
    utility = request.values.get("utility", "").strip() or preset
    if not utility:
        return _rendered("utility", utilities=scenarios.known_utilities(), carried=_carried())
    return _login_page(form, utility)


def _login_page(form: Record | None, utility: str, *, wrong: bool = False) -> Response:
    preset = form["customer_email"] if form else ""
    email = request.values.get("email", "") or preset
    status = 422 if wrong else 200
    return _rendered("login", status, utility=utility, email=email, wrong=wrong, carried=_carried())


def _sign_in(service: Service, form: Record | None) -> Response:
    utility = request.form.get("utility", "").strip()
    login, password = request.form.get("login", "").strip(), request.form.get("password", "")
    who = scenarios.sign_in(utility, login, password)
    if who is None or not utility:
        return _login_page(form, utility, wrong=True)
    key = secrets.token_urlsafe(16)
    while len(service.sign_ins) >= _SIGN_INS_KEPT:
        del service.sign_ins[next(iter(service.sign_ins))]
    email = request.form.get("email", "").strip()
    service.sign_ins[key] = {"who": who, "utility": utility, "email": email}
    return _rendered("consent", utility=utility, login=login, key=key, carried=_carried())


def _conclude(service: Service, form: Record | None) -> Response:
    """Take the customer's yes or no; the key of the sign-in is good once."""
    signed_in = service.sign_ins.pop(request.form.get("key", ""), None)
    if signed_in is None:
        raise PageError("Please start again: the sign-in is no longer known.")
    utility = signed_in["utility"]
    declined = request.form.get("answer") != "agree"
    if service.faults.take("decline", providers={PROVIDER, utility}):
        declined = True
    template = form["template_uid"] if form else forms.default_template(service)["uid"]
    referral = lifecycle.submit(
        service,
        form=form,
        template_uid=template,
        utility=utility,
        who=signed_in["who"],
        email=signed_in["email"],
        declined=declined,
    )
    service.changed()
    error = scenarios.REDIRECT_ERRORS.get(signed_in["who"].get("scenario", ""))
    return _sent_back(service, referral, "access_denied" if declined else error)


def _sent_back(service: Service, referral: str, error: str | None) -> Response:
    default = next(iter(service.setting("redirect_uris")), "")
    address = request.form.get("redirect_uri", "") or default
    if not address or request.form.get("noredirect") == "1":
        text = _ERROR_TEXTS[error] if error else None
        return _rendered("done", referral=referral, error=text)
    answer = {"referral": referral}
    if request.form.get("state"):
        answer["state"] = request.form["state"]
    if error:
        answer |= {"error": error, "error_description": _ERROR_TEXTS[error]}
    joint = "&" if urlsplit(address).query else "?"
    return make_response(redirect(f"{address}{joint}{urlencode(answer, quote_via=quote)}", 303))


def _carried() -> Mapping[str, str]:
    """Return what every step hands on to the next in hidden fields."""
    return {name: request.values[name] for name in _CARRIED if request.values.get(name)}


def _rendered(name: str, status: int = 200, **values: Any) -> Response:
    html = render_template(f"utilityapi/{name}.html", **values)
    response = make_response(html, status)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
