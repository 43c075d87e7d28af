"""No route is open by accident."""

from __future__ import annotations

import pytest
from flask import Flask

from dcarbon_api.security.access import (
    Access,
    AccessUndeclared,
    declared,
    public,
    require_declarations,
    requires,
)


def _app_with(view: object) -> Flask:
    app = Flask(__name__, static_folder=None)
    app.add_url_rule("/thing", "thing", view)  # type: ignore[arg-type]
    return app


def test_an_application_with_an_undeclared_route_does_not_start() -> None:
    app = _app_with(lambda: "open")

    with pytest.raises(AccessUndeclared, match="thing"):
        require_declarations(app)


@pytest.mark.parametrize("declare", [public, requires("read")], ids=["public", "read"])
def test_a_declared_route_lets_the_application_start(declare: object) -> None:
    app = _app_with(declare(lambda: "said"))  # type: ignore[operator]

    require_declarations(app)

    assert declared(app.view_functions["thing"]) is not None


def test_a_scope_that_does_not_exist_cannot_be_required() -> None:
    with pytest.raises(AccessUndeclared):
        requires("reed")


def test_a_declaration_says_which_scope_is_needed() -> None:
    @requires("write")
    def view() -> str:
        return ""

    assert declared(view) == Access("write")
