"""Generating units, eligibilities and claims by the API."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, url_for

from dcarbon.services import eligibility, eligibility_history, generating_units, meter_claims
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.generating_units.messages import (
    ChannelEligibilityAnswer,
    ChannelHistoryAnswer,
    ChosenEligibility,
    ClaimAnswer,
    ClaimEnd,
    GenerationAnswer,
    MeterToClaim,
    NewUnit,
    UnitAnswer,
    UnitChange,
)
from dcarbon_api.json_answers import answer
from dcarbon_api.openapi import operation
from dcarbon_api.security.access import requires

bp = Blueprint("generating_units", __name__)

_TAG = "Generation"


@bp.get("/facilities/<uuid:facility_id>/generation")
@requires("read")
@operation(tag=_TAG, answer=GenerationAnswer, fails=(404,))
def read_generation(facility_id: UUID) -> Response:
    """Return the generating units, their claims, and what each channel may be used for.

    A channel is proposed something by rule; only what a person has chosen counts.
    """
    runtime, actor = current_runtime(), current_actor()
    with runtime.sessions() as session:
        units = generating_units.of_facility(session, facility_id, actor=actor)
        claims = meter_claims.of_facility(session, facility_id, actor=actor, now=runtime.now())
        meters = eligibility.of_facility(session, facility_id, actor=actor, now=runtime.now())
    answered = [UnitAnswer.of(unit, claims[unit.id]) for unit in units]
    return answer(GenerationAnswer.made(answered, meters))


@bp.post("/facilities/<uuid:facility_id>/generating-units")
@requires("write")
@operation(tag=_TAG, body=NewUnit, answer=UnitAnswer, status=201, fails=(404, 409, 422))
def register_unit(json: NewUnit, facility_id: UUID) -> Response:
    """Register a generating unit."""
    unit = generating_units.create(
        current_runtime(), facility_id, answers=json.answers(), actor=current_actor()
    )
    response = answer(_shown(unit.id), 201)
    response.headers["Location"] = url_for("generating_units.read_unit", unit_id=unit.id)
    return response


@bp.get("/generating-units/<uuid:unit_id>")
@requires("read")
@operation(tag=_TAG, answer=UnitAnswer, fails=(404,))
def read_unit(unit_id: UUID) -> Response:
    """Return one generating unit with its claims."""
    return answer(_shown(unit_id))


@bp.patch("/generating-units/<uuid:unit_id>")
@requires("write")
@operation(tag=_TAG, body=UnitChange, answer=UnitAnswer, fails=(404, 409, 422))
def change_unit(json: UnitChange, unit_id: UUID) -> Response:
    """Change what is said of a generating unit."""
    generating_units.change(
        current_runtime(), unit_id, answers=json.answers(), actor=current_actor()
    )
    return answer(_shown(unit_id))


@bp.delete("/generating-units/<uuid:unit_id>")
@requires("write")
@operation(tag=_TAG, status=204, fails=(404, 409))
def remove_unit(unit_id: UUID) -> Response:
    """Remove a generating unit with its claims, while nothing is reported for it."""
    generating_units.remove(current_runtime(), unit_id, actor=current_actor())
    return Response(status=204)


@bp.post("/generating-units/<uuid:unit_id>/claims")
@requires("write")
@operation(tag=_TAG, body=MeterToClaim, answer=ClaimAnswer, status=201, fails=(404, 409, 422))
def claim_meter(json: MeterToClaim, unit_id: UUID) -> Response:
    """Let a meter count for a unit.

    Refused (409) with a code and a sentence: `claim_overlaps`, `claimed_elsewhere`,
    `net_never_claimed` and others. Each day of a meter is claimed once only.
    """
    claim_id = meter_claims.claim(
        current_runtime(), unit_id, new=json.claim(), actor=current_actor()
    )
    return answer(_claim(claim_id), 201)


@bp.post("/meter-claims/<uuid:claim_id>/end")
@requires("write")
@operation(tag=_TAG, body=ClaimEnd, answer=ClaimAnswer, fails=(404, 409, 422))
def end_claim(json: ClaimEnd, claim_id: UUID) -> Response:
    """Let a meter count no longer than a day."""
    meter_claims.end(current_runtime(), claim_id, last_day=json.last_day, actor=current_actor())
    return answer(_claim(claim_id))


@bp.delete("/meter-claims/<uuid:claim_id>")
@requires("write")
@operation(tag=_TAG, status=204, fails=(404, 409))
def withdraw_claim(claim_id: UUID) -> Response:
    """Take back a claim made by mistake, while no day of it is in a final report."""
    meter_claims.withdraw(current_runtime(), claim_id, actor=current_actor())
    return Response(status=204)


@bp.get("/channels/<uuid:channel_id>/eligibility")
@requires("read")
@operation(tag=_TAG, answer=ChannelHistoryAnswer, fails=(404,))
def read_eligibility(channel_id: UUID) -> Response:
    """Return what a channel may be used for, and what was chosen before."""
    return answer(_channel(channel_id))


@bp.put("/channels/<uuid:channel_id>/eligibility")
@requires("write")
@operation(tag=_TAG, body=ChosenEligibility, answer=ChannelHistoryAnswer, fails=(404, 409, 422))
def choose_eligibility(json: ChosenEligibility, channel_id: UUID) -> Response:
    """Set what a channel may be used for.

    Net, consumption and estimates are never claimed: choosing a claim for such a channel is
    refused (409), to administrators, too.
    """
    eligibility.choose(
        current_runtime(),
        channel_id,
        wanted=json.eligibility,
        note=json.note,
        is_production_meter=json.is_production_meter,
        actor=current_actor(),
    )
    return answer(_channel(channel_id))


def _shown(unit_id: UUID) -> UnitAnswer:
    runtime, actor = current_runtime(), current_actor()
    with runtime.sessions() as session:
        unit = generating_units.get(session, unit_id, actor=actor)
        claims = meter_claims.of_facility(session, unit.facility_id, actor=actor, now=runtime.now())
    return UnitAnswer.of(unit, claims[unit.id])


def _claim(claim_id: UUID) -> ClaimAnswer:
    runtime = current_runtime()
    with runtime.sessions() as session:
        view = meter_claims.get(session, claim_id, actor=current_actor(), now=runtime.now())
    return ClaimAnswer.of(view)


def _channel(channel_id: UUID) -> ChannelHistoryAnswer:
    runtime, actor = current_runtime(), current_actor()
    with runtime.sessions() as session:
        meter, standing = eligibility.of_channel(
            session, channel_id, actor=actor, now=runtime.now()
        )
        past = eligibility_history.of_channel(session, channel_id, actor=actor)
    return ChannelHistoryAnswer.made(ChannelEligibilityAnswer.of(meter, standing), past)
