"""Templates, forms and test-submit (reference sections 6 and 8)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from flask import Response

from dcarbon_sandbox.utilityapi import events, lifecycle, wire
from dcarbon_sandbox.utilityapi.routes import Route
from dcarbon_sandbox.utilityapi.scenarios import SCENARIOS
from dcarbon_sandbox.utilityapi.service import Record, Service

USER = {"user_email": "ops@developer.example", "user_uid": "90417"}
_TEXT_FIELDS = ("customer_email", "utility", "template_uid", "authorization_uid")
_FLAGS = ("is_archived", "disabled")


def default_template(service: Service) -> Record:
    """Return the newest enabled template, making the sandbox's own on first use."""
    templates = service.records("templates")
    if not templates:
        uid, stamp = service.new_uid("template"), service.stamp()
        templates[uid] = {"uid": uid, "created": stamp, "updated": stamp, "disabled": False}
        service.changed()
    enabled = [item for item in reversed(templates.values()) if not item["disabled"]]
    if not enabled:
        raise wire.invalid("There is no enabled template.")
    return enabled[0]


def template_object(service: Service, template: Record) -> Record:
    portal = service.setting("portal")
    return {
        **template,
        **USER,
        "portal": portal,
        "base_url": f"{service.pages_url().rstrip('/')}/authorize/{quote(portal)}",
        "redirect_uris": service.setting("redirect_uris"),
        "company_logo": None,
        "company_name": "Sandbox Developer",
        "company_email": "help@developer.example",
    }


def form_object(service: Service, form: Record) -> Record:
    shown = {name: value for name, value in form.items() if name != "link"}
    portal = quote(service.setting("portal"))
    url = f"{service.pages_url().rstrip('/')}/authorize/{portal}?f={form['link']}"
    return {**shown, **USER, "url": url}


def form_by_link(service: Service, link: str) -> Record | None:
    forms = service.records("forms").values()
    return next((form for form in forms if form["link"] == link), None)


def list_templates(service: Service) -> Response:
    default_template(service)
    found = wire.newest_first(service.records("templates"), wire.many("uids") or None)
    shown, following = wire.page(service, "templates", found)
    return wire.listing("templates", [template_object(service, item) for item in shown], following)


def show_template(service: Service, uid: str) -> Response:
    default_template(service)
    template = service.records("templates").get(uid)
    if template is None:
        raise wire.not_found("Template")
    return wire.answer(template_object(service, template))


def list_forms(service: Service) -> Response:
    templates, archived = wire.many("templates"), wire.flag("is_archived")
    found = [
        form
        for form in wire.newest_first(service.records("forms"), wire.many("uids") or None)
        if (not templates or form["template_uid"] in templates)
        and (archived is None or form["is_archived"] is archived)
    ]
    shown, following = wire.page(service, "forms", found)
    return wire.listing("forms", [form_object(service, item) for item in shown], following)


def create_form(service: Service) -> Response:
    wanted = _checked(service, wire.body_of_request())
    stamp = service.stamp()
    form: Record = {
        "uid": service.new_uid("form"),
        "created": stamp,
        "updated": stamp,
        "template_uid": wanted.get("template_uid") or default_template(service)["uid"],
        "authorization_uid": wanted.get("authorization_uid"),
        "is_archived": False,
        "disabled": False,
        "customer_email": wanted.get("customer_email") or "",
        "utility": wanted.get("utility"),
        "scope": wanted.get("scope") or {},
        "link": str(uuid.uuid4()),
    }
    service.records("forms")[form["uid"]] = form
    events.record(service, "form_created", form_uid=form["uid"])
    return wire.answer(form_object(service, form))


def show_form(service: Service, uid: str) -> Response:
    return wire.answer(form_object(service, _known(service, uid)))


def modify_form(service: Service, uid: str) -> Response:
    form = _known(service, uid)
    wanted = _checked(service, wire.body_of_request())
    for name in (*_TEXT_FIELDS, *_FLAGS, "scope"):
        if name in wanted:
            form[name] = wanted[name]
    form["customer_email"] = form["customer_email"] or ""
    form["template_uid"] = form["template_uid"] or default_template(service)["uid"]
    form["scope"] = form["scope"] or {}
    form["updated"] = service.stamp()
    service.changed()
    return wire.answer(form_object(service, form))


def delete_form(service: Service, uid: str) -> Response:
    del service.records("forms")[_known(service, uid)["uid"]]
    service.changed()
    return wire.answer({"success": True})


def test_submit(service: Service, uid: str) -> Response:
    """Submit the form as a test customer; answers with the referral at once."""
    form = _known(service, uid)
    body = wire.body_of_request()
    for name in ("utility", "scenario"):
        if not body.get(name):
            raise wire.missing(name)
    if not isinstance(body["utility"], str):
        raise wire.invalid("utility must be a utility code.")
    if body["scenario"] not in SCENARIOS:
        raise wire.invalid(f"scenario must be one of {', '.join(SCENARIOS)}.")
    if form["disabled"]:
        raise wire.invalid("This form is disabled.")
    referral = lifecycle.submit(
        service,
        form=form,
        template_uid=form["template_uid"],
        utility=body["utility"],
        who={"scenario": body["scenario"]},
    )
    service.changed()
    return wire.answer({"referral": referral})


def _known(service: Service, uid: str) -> Record:
    form = service.records("forms").get(uid)
    if form is None:
        raise wire.not_found("Form")
    return form


def _checked(service: Service, body: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in _TEXT_FIELDS:
        if not isinstance(body.get(name), str | None):
            raise wire.invalid(f"{name} must be a string or null.")
    for name in _FLAGS:
        if name in body and not isinstance(body[name], bool):
            raise wire.invalid(f"{name} must be true or false.")
    if "scope" in body and not _is_scope(body["scope"]):
        raise wire.invalid("Scope must be a valid json object", "authorization-forms/scopes")
    if body.get("template_uid"):
        default_template(service)
        if body["template_uid"] not in service.records("templates"):
            raise wire.invalid("No such template.")
    renewed = body.get("authorization_uid")
    if renewed:
        authorization = service.records("authorizations").get(renewed)
        if authorization is None or authorization["revoked"]:
            raise wire.invalid("No such authorization, or it was revoked.")
    return body


def _is_scope(scope: Any) -> bool:
    if not isinstance(scope, dict):
        return False
    expires, end = scope.get("expires", "3y"), scope.get("ongoing_end")
    return (
        isinstance(expires, str)
        and lifecycle.is_expiry(expires)
        and (end is None or (isinstance(end, str) and lifecycle.is_time(end)))
    )


ROUTES = (
    Route("/templates", "GET", list_templates),
    Route("/templates/<uid>", "GET", show_template),
    Route("/forms", "GET", list_forms),
    Route("/forms", "POST", create_form),
    Route("/forms/<uid>", "GET", show_form),
    Route("/forms/<uid>", "PATCH", modify_form),
    Route("/forms/<uid>", "DELETE", delete_form),
    Route("/forms/<uid>/test-submit", "POST", test_submit),
)
