"""One address for people and programs: where a page and the JSON API stand at the same address,
what the asker prefers decides which of the two views answers.

A page's blueprint simply registers the same rule as the API's; :func:`pair` finds both.
"""

from __future__ import annotations

from collections import defaultdict
from typing import cast

from flask import Flask, current_app, request
from werkzeug.routing import Rule

from dcarbon_api import openapi
from dcarbon_api.security.access import AccessUndeclared
from dcarbon_api.security.asking import prefers_page

_EXTENSION = "dcarbon_twins"
_Twins = dict[tuple[str, str], tuple[Rule, Rule]]


def pair(app: Flask) -> None:
    """Note which page and which view of the API share an address and a method.

    Raises :class:`AccessUndeclared` when more than these two do: only one could ever answer.
    """
    at: dict[tuple[str, str], list[Rule]] = defaultdict(list)
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            at[(rule.rule, method)].append(rule)
    twins: _Twins = {}
    for place, rules in at.items():
        if len(rules) == 1:
            continue
        described: list[Rule] = []
        pages: list[Rule] = []
        for rule in rules:
            # Rules of one address are equal to each other, so only their views tell them apart.
            is_json = openapi.is_described(app.view_functions[rule.endpoint])
            (described if is_json else pages).append(rule)
        if len(described) != 1 or len(pages) != 1:
            raise AccessUndeclared(f"more than a page and JSON answer {place[1]} {place[0]}")
        twins[place] = (described[0], pages[0])
    app.extensions[_EXTENSION] = twins


def choose() -> None:
    """Before each request: let the page answer where a page is preferred, else the API."""
    if request.url_rule is None:
        return
    twins = cast("_Twins", current_app.extensions[_EXTENSION])
    method = "GET" if request.method == "HEAD" else request.method
    found = twins.get((request.url_rule.rule, method))
    if found is not None:
        request.url_rule = found[1] if prefers_page() else found[0]
