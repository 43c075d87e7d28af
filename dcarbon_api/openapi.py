"""The API's description (OpenAPI 3.1) and the check of requests against it, both by SpecTree."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, cast

from flask import Flask, make_response, request
from pydantic import BaseModel, ValidationError
from spectree import Response, SpecTree
from spectree.plugins.flask_plugin import FlaskPlugin

from dcarbon_api import problems
from dcarbon_api.problems import FieldProblem, Problem, RequestInvalid
from dcarbon_api.security.access import View, declared

DESCRIPTION = (
    "Meter readings, collected with the customer's consent. Energy is exact: integers with a "
    "power-of-ten exponent, or decimal strings. Times are UTC, ranges are half-open [start, end)."
)
_DESCRIBED = "dcarbon_described"
_FILES = "dcarbon_files"
_ERRORS_FROM = 400
_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "string_type": "must be text",
    "string_too_long": "is too long",
    "string_too_short": "must not be empty",
    "string_unicode": "must be text",
    "uuid_parsing": "must be a UUID",
    "uuid_type": "must be a UUID",
    "bool_type": "must be true or false",
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
}


class _Plugin(FlaskPlugin):
    """SpecTree for Flask, without reading every answer a second time to check it."""

    def validate_response(self, resp: Any, *rest: Any, **named: Any) -> tuple[Any, None]:
        del rest, named
        return make_response(resp), None


def operation(
    *,
    tag: str,
    answer: type[BaseModel] | None = None,
    status: int = 200,
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    files: tuple[str, ...] = (),
    fails: tuple[int, ...] = (),
) -> Callable[[View], View]:
    """Describe a view and check its requests: ``json`` and ``query`` arrive as models.

    ``files`` names the media types of an answer that is a file; ``fails`` further statuses of
    problems. A request that does not fit raises :class:`RequestInvalid`; a body that is no JSON is
    400, one of another media type 415.
    """

    def decorate(view: View) -> View:
        known: dict[str, Any] = {f"HTTP_{status}": answer}
        known |= {f"HTTP_{code}": Problem for code in fails}
        checked = _api.validate(
            query=query,
            json=body,
            resp=Response(**known),
            tags=(tag,),
            before=_require_body if body else _require,
            operation_id=view.__name__,
        )
        described = cast("View", checked(view))
        setattr(described, _DESCRIBED, True)
        setattr(described, _FILES, files)
        return described

    return decorate


def is_described(view: Callable[..., Any]) -> bool:
    """Say whether a view is part of the API, rather than a page."""
    return hasattr(view, _DESCRIBED)


def document(app: Flask, *, server: str) -> dict[str, Any]:
    """Return the description of the application's API."""
    with app.app_context():
        described = copy.deepcopy(cast("dict[str, Any]", _api.spec))
    described["servers"] = [{"url": server}]
    described["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "An API token."}
    }
    described.pop("security", None)
    for rule in app.url_map.iter_rules():
        if not is_described(app.view_functions[rule.endpoint]):
            continue  # a page at the same address
        path = described["paths"].get(_template_of(rule.rule), {})
        for method in (rule.methods or set()) & {name.upper() for name in path}:
            _secure(path[method.lower()], declared(app.view_functions[rule.endpoint]))
            _name_files(path[method.lower()], getattr(app.view_functions[rule.endpoint], _FILES))
    for path in described["paths"].values():
        for details in path.values():
            _name_problems(details)
    return described


def _secure(details: dict[str, Any], access: Any) -> None:
    details["security"] = []
    if access is None or access.scope is None:
        return
    details["security"] = [{"token": []}]
    details["x-scope"] = access.scope
    for status, words in (("401", "No working API token"), ("403", "The token's scope is wrong")):
        details["responses"].setdefault(status, {"description": words, "content": _problem()})


def _name_files(details: dict[str, Any], media_types: tuple[str, ...]) -> None:
    if media_types:
        binary = {"schema": {"type": "string", "format": "binary"}}
        details["responses"]["200"]["content"] = dict.fromkeys(media_types, binary)


def _name_problems(details: dict[str, Any]) -> None:
    responses = details["responses"]
    takes = bool(details.get("parameters") or details.get("requestBody"))
    if not takes:
        responses.pop("422", None)
    if "requestBody" in details:
        for status in (400, 413, 415):
            responses.setdefault(str(status), {"description": problems.TITLES[status]})
    for status, response in responses.items():
        if int(status) >= _ERRORS_FROM:
            response["content"] = _problem()
    details["responses"] = dict(sorted(responses.items()))


def _problem() -> dict[str, Any]:
    return {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}


def _template_of(rule: str) -> str:
    parts = (part.split(":")[-1] if "<" in part else part for part in rule.split("/"))
    return "/".join("{" + p.strip("<>") + "}" if p.endswith(">") else p for p in parts)


def _require(
    req: Any, resp: Any, error: Exception | None, instance: Any, model_adapter: Any
) -> None:
    del req, resp, instance, model_adapter
    if isinstance(error, ValidationError):
        raise RequestInvalid([_explained(dict(item)) for item in error.errors()]) from None


def _require_body(
    req: Any, resp: Any, error: Exception | None, instance: Any, model_adapter: Any
) -> None:
    # SpecTree takes whatever is no JSON for an empty object: Flask says first what is wrong.
    request.get_json()
    _require(req, resp, error, instance, model_adapter)


def _explained(item: dict[str, Any]) -> FieldProblem:
    field = ".".join(str(part) for part in item["loc"]) or "request"
    if item["type"] not in {"missing", "extra_forbidden"} and item.get("input", "") is None:
        return FieldProblem(field=field, problem="must not be null")
    if item["type"] == "value_error":
        return FieldProblem(field=field, problem=str(item["ctx"]["error"]))
    message = str(item["msg"]).removeprefix("Input ").rstrip(".")
    words = _WORDS.get(item["type"], message[:1].lower() + message[1:])
    return FieldProblem(field=field, problem=words)


_api = SpecTree(
    backend=_Plugin,
    title="DCarbon API",
    description=DESCRIPTION,
    version="1",
    mode="strict",
    validation_error_model=Problem,
    naming_strategy=lambda model: model.__name__,
    nested_naming_strategy=lambda _parent, child: child,
)
