"""The utilities people choose from, by the API."""

from __future__ import annotations

from flask import Blueprint, Response

from dcarbon.services import utilities
from dcarbon_api.context import current_runtime
from dcarbon_api.json_answers import answer
from dcarbon_api.openapi import operation
from dcarbon_api.security.access import requires
from dcarbon_api.utilities.messages import UtilitiesAnswer, UtilitiesQuery

bp = Blueprint("utilities", __name__, url_prefix="/utilities")


@bp.get("")
@requires("read")
@operation(tag="Utilities", query=UtilitiesQuery, answer=UtilitiesAnswer, fails=(422,))
def list_utilities(query: UtilitiesQuery) -> Response:
    """List the utilities that can be authorized: Green Button ones first, then UtilityAPI's."""
    found = utilities.utility_choices(current_runtime(), query.search)
    return answer(UtilitiesAnswer.model_validate(found))
