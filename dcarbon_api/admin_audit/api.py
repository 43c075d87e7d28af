"""The audit log for programs, and its files for everybody who may have them."""

from __future__ import annotations

from flask import Blueprint, Response

from dcarbon.services import audit_files, audit_search
from dcarbon.services.audit_files import MEDIA_TYPES
from dcarbon_api.admin_audit.messages import AuditAnswer, AuditExportQuery, AuditQuery
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.json_answers import answer
from dcarbon_api.openapi import operation
from dcarbon_api.security.access import requires_admin

bp = Blueprint("admin_audit_api", __name__, url_prefix="/admin/audit")


@bp.get("")
@requires_admin("read")
@operation(tag="Administration", query=AuditQuery, answer=AuditAnswer, fails=(422,))
def search_audit_log(query: AuditQuery) -> Response:
    """Search the audit log, the newest entries first."""
    with current_runtime().sessions() as session:
        found = audit_search.page(
            session, query.wish(), actor=current_actor(), after=query.after, limit=query.limit
        )
    return answer(AuditAnswer.of_page(found))


@bp.get("/export")
@requires_admin("read")
@operation(
    tag="Administration",
    query=AuditExportQuery,
    files=tuple(kind.partition(";")[0] for kind in MEDIA_TYPES.values()),
    fails=(422,),
)
def export_audit_log(query: AuditExportQuery) -> Response:
    """Return what a search finds as a file, the oldest entry first; the whole log without filters.

    JSON lines are what `dcarbon audit verifier` reads: proving that nothing is missing needs the
    whole log. The export is an entry of the log itself. A file that was broken off ends with a line
    that says so.
    """
    file = audit_files.begin(
        current_runtime(), query.wish(), kind=query.format, actor=current_actor()
    )
    response = Response(file.chunks, content_type=file.media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return response
