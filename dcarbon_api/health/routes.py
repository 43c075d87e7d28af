"""For whoever runs the process: whether it lives, and whether it can serve."""

from __future__ import annotations

from flask import Blueprint, Response
from sqlalchemy.exc import SQLAlchemyError

from dcarbon.db import migrate
from dcarbon.domain.errors import DCarbonError
from dcarbon_api.context import current_runtime
from dcarbon_api.health.messages import Health
from dcarbon_api.json_answers import answer
from dcarbon_api.openapi import operation
from dcarbon_api.security.access import public

bp = Blueprint("health", __name__)


class NotReady(DCarbonError):
    """An administrator acts: the database is out of reach, or its schema is of another version."""

    code = "not_ready"


@bp.get("/healthz")
@public
@operation(tag="Health", answer=Health)
def healthz() -> Response:
    """Say that the process lives."""
    return answer(Health())


@bp.get("/readyz")
@public
@operation(tag="Health", answer=Health, fails=(503,))
def readyz() -> Response:
    """Say that the database is reachable and that this version can work with its schema."""
    try:
        is_usable = migrate.is_usable(current_runtime().engine)
    except SQLAlchemyError as error:
        raise NotReady("database out of reach") from error
    if not is_usable:
        raise NotReady("database not migrated")
    return answer(Health())
