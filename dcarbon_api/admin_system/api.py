"""How the house is, for programs: the same address as the page."""

from __future__ import annotations

from flask import Blueprint, Response

from dcarbon.services import system_state
from dcarbon_api.admin_system.messages import SystemAnswer
from dcarbon_api.context import current_runtime
from dcarbon_api.json_answers import answer
from dcarbon_api.openapi import operation
from dcarbon_api.security.access import requires_admin

bp = Blueprint("admin_system_api", __name__, url_prefix="/admin/system")


@bp.get("")
@requires_admin("read")
@operation(tag="Administration", answer=SystemAnswer)
def read_system() -> Response:
    """Say in words what is wrong now and what to do, and what works. Administrators only."""
    return answer(SystemAnswer.of(system_state.read(current_runtime())))
