"""Authorizations of a facility by the API: list, start again, collect, end, change the provider."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response

from dcarbon.services import authorizations, facility_views, provider_change, revocation
from dcarbon_api.authorizations.messages import (
    ChangedAnswer,
    ChangePreviewAnswer,
    ChangeProvider,
    CollectingAnswer,
    EndAuthorization,
    EndedAnswer,
)
from dcarbon_api.authorizing import StartedAnswer
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.facilities.messages import AuthorizationAnswer, AuthorizationsAnswer
from dcarbon_api.json_answers import answer
from dcarbon_api.openapi import operation
from dcarbon_api.security import browsers
from dcarbon_api.security.access import requires

bp = Blueprint("authorizations", __name__)

_TAG = "Authorizations"


@bp.get("/facilities/<uuid:facility_id>/authorizations")
@requires("read")
@operation(tag=_TAG, answer=AuthorizationsAnswer, fails=(404,))
def list_authorizations(facility_id: UUID) -> Response:
    """List every authorization a facility ever had, newest first."""
    with current_runtime().sessions() as session:
        found = facility_views.authorizations_of(session, facility_id, actor=current_actor())
    listed = [AuthorizationAnswer.model_validate(view) for view in found]
    return answer(AuthorizationsAnswer(authorizations=listed))


@bp.post("/facilities/<uuid:facility_id>/authorizations/retry")
@requires("write")
@operation(tag=_TAG, answer=StartedAnswer, fails=(404, 409, 422, 502, 503))
def retry_authorization(facility_id: UUID) -> Response:
    """Start again at the utility chosen last, after a failure or to authorize again."""
    browser = browsers.starting_browser()
    started = authorizations.retry(
        current_runtime(), facility_id, actor=current_actor(), browser=browser
    )
    return browsers.remember(answer(StartedAnswer.of(started)), browser)


@bp.post("/authorizations/<uuid:authorization_id>/revoke")
@requires("write")
@operation(tag=_TAG, body=EndAuthorization, answer=EndedAnswer, fails=(404, 409, 422))
def end_authorization(json: EndAuthorization, authorization_id: UUID) -> Response:
    """End an authorization.

    Access stops here at once. The provider is told, again and again until it confirms; what was
    collected is kept.
    """
    ended = revocation.revoke(
        current_runtime(),
        authorization_id,
        actor=current_actor(),
        reason=json.reason,
        land_first=json.land_first,
    )
    return answer(EndedAnswer.model_validate(ended))


@bp.post("/facilities/<uuid:facility_id>/collection")
@requires("write")
@operation(tag=_TAG, answer=CollectingAnswer, status=202, fails=(404, 409))
def collect_now(facility_id: UUID) -> Response:
    """Collect the newest readings now, as before a change of provider."""
    runtime, actor = current_runtime(), current_actor()
    revocation.collect_first(runtime, facility_id, actor=actor)
    with runtime.sessions() as session:
        view = facility_views.one(session, facility_id, actor=actor, now=runtime.now())
    found = CollectingAnswer(facility_id=facility_id, progress=dict(view.progress))
    return answer(found, 202)


@bp.get("/facilities/<uuid:facility_id>/provider-change")
@requires("read")
@operation(tag=_TAG, answer=ChangePreviewAnswer, fails=(404,))
def preview_provider_change(facility_id: UUID) -> Response:
    """Say what changing the utility would end, and what stays. Changes nothing."""
    runtime = current_runtime()
    with runtime.sessions() as session:
        preview = provider_change.preview(
            session, facility_id, actor=current_actor(), now=runtime.now()
        )
    return answer(ChangePreviewAnswer.model_validate(preview))


@bp.post("/facilities/<uuid:facility_id>/provider-change")
@requires("write")
@operation(tag=_TAG, body=ChangeProvider, answer=ChangedAnswer, fails=(404, 409, 422))
def change_provider(json: ChangeProvider, facility_id: UUID) -> Response:
    """End what is in force so that another utility can be authorized; all data stay.

    Then start the new authorization: `POST /green-button/start` or `POST /utilityapi/start`.
    """
    changed = provider_change.change(
        current_runtime(),
        facility_id,
        actor=current_actor(),
        reason=json.reason,
        new_utility=json.new_utility,
    )
    return answer(ChangedAnswer.model_validate(changed))
