"""The page Generation of a facility, and its forms: units, eligibility of channels, claims."""

from __future__ import annotations

from uuid import UUID

from flask import (
    Blueprint,
    Response,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue

from dcarbon.db.facilities import Facility
from dcarbon.domain.errors import AnswersInvalid, ClaimRefused
from dcarbon.services import (
    eligibility,
    facilities,
    generating_units,
    meter_claims,
)
from dcarbon.services.claim_checks import NewClaim
from dcarbon.services.generating_units import UnitView
from dcarbon.services.meter_claims import ClaimView
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.dashboard.facility_page import name_of
from dcarbon_api.generation import found, page
from dcarbon_api.generation.forms import ChannelForm, ClaimForm, EndForm, UnitForm, day_of, show
from dcarbon_api.generation.page import ShownMeter
from dcarbon_api.security.access import requires

bp = Blueprint("generation", __name__, url_prefix="/facilities/<uuid:facility_id>/generation")

_REFUSED = 422


@bp.get("", endpoint="show")
@requires("read")
def overview(facility_id: UUID) -> ResponseReturnValue:
    """Show the units with their claims, and what each channel may be used for."""
    runtime, actor = current_runtime(), current_actor()
    with runtime.sessions() as session:
        content = page.of(session, facility_id, runtime=runtime, actor=actor)
    return render_template("generation/show.html", **content)


@bp.get("/units/new")
@requires("read")
def new_unit(facility_id: UUID) -> ResponseReturnValue:
    """Ask for a new unit, beginning with what is known of the facility."""
    with current_runtime().sessions() as session:
        facility = facilities.get(session, facility_id, actor=current_actor())
        units = generating_units.of_facility(session, facility_id, actor=current_actor())
        begin = generating_units.suggested(facility, units)
    return _unit_page(facility, None, UnitForm(formdata=None, data=begin))


@bp.post("/units/new")
@requires("write")
def create_unit(facility_id: UUID) -> ResponseReturnValue:
    """Register a unit as typed."""
    form = UnitForm()
    try:
        unit = generating_units.create(
            current_runtime(), facility_id, answers=form.answers(), actor=current_actor()
        )
    except (AnswersInvalid, ClaimRefused) as error:
        show(form, error)
        return _unit_page(found.facility(facility_id), None, form, status=_REFUSED)
    flash(f"{unit.name} is registered. Now say which meter counts for it.", "success")
    return _back(facility_id)


@bp.get("/units/<uuid:unit_id>")
@requires("read")
def edit_unit(facility_id: UUID, unit_id: UUID) -> ResponseReturnValue:
    """Show a unit's details to be changed."""
    unit = found.unit(facility_id, unit_id)
    form = UnitForm(formdata=None, data=generating_units.typed(unit))
    return _unit_page(found.facility(facility_id), unit, form)


@bp.post("/units/<uuid:unit_id>")
@requires("write")
def save_unit(facility_id: UUID, unit_id: UUID) -> ResponseReturnValue:
    """Save a unit's details as typed."""
    unit, form = found.unit(facility_id, unit_id), UnitForm()
    try:
        generating_units.change(
            current_runtime(), unit_id, answers=form.answers(), actor=current_actor()
        )
    except (AnswersInvalid, ClaimRefused) as error:
        show(form, error)
        return _unit_page(found.facility(facility_id), unit, form, status=_REFUSED)
    flash("Saved.", "success")
    return _back(facility_id)


@bp.get("/units/<uuid:unit_id>/remove")
@requires("read")
def confirm_removal(facility_id: UUID, unit_id: UUID) -> ResponseReturnValue:
    """Say what removing a unit means, before it is done."""
    unit = found.unit(facility_id, unit_id)
    return render_template(
        "generation/remove.html", facility=found.facility(facility_id), unit=unit
    )


@bp.post("/units/<uuid:unit_id>/remove")
@requires("write")
def remove_unit(facility_id: UUID, unit_id: UUID) -> ResponseReturnValue:
    """Remove a unit with its claims, while nothing is reported."""
    unit = found.unit(facility_id, unit_id)
    try:
        generating_units.remove(current_runtime(), unit_id, actor=current_actor())
    except ClaimRefused as error:
        flash(error.display_message, "warning")
    else:
        flash(f"{unit.name} was removed. Its meters and their readings stay.", "success")
    return _back(facility_id)


@bp.get("/units/<uuid:unit_id>/claim")
@requires("read")
def new_claim(facility_id: UUID, unit_id: UUID) -> ResponseReturnValue:
    """Ask which meter counts for a unit, and from when."""
    unit, meters = found.unit(facility_id, unit_id), found.meters(facility_id)
    countable = [one for one in meters if one.counts_as]
    asked = request.args.get("meter", type=UUID)
    chosen = asked or (countable[0].meter.id if len(countable) == 1 else None)
    begin = {"meter_id": str(chosen or ""), "first_day": page.first_day(unit, meters).isoformat()}
    return _claim_page(facility_id, unit, meters, ClaimForm(formdata=None, data=begin))


@bp.post("/units/<uuid:unit_id>/claim")
@requires("write")
def claim_meter(facility_id: UUID, unit_id: UUID) -> ResponseReturnValue:
    """Let a meter count for a unit; what stands against it is said at the field it is about."""
    unit, meters, form = found.unit(facility_id, unit_id), found.meters(facility_id), ClaimForm()
    form.offer(page.choices(meters))
    days, meter_id = form.days(), _chosen(form, meters)
    if days is not None and meter_id is not None:
        try:
            new = NewClaim(meter_id, page.basis_of(meters, meter_id), *days)
            meter_claims.claim(current_runtime(), unit_id, new=new, actor=current_actor())
        except ClaimRefused as error:
            show(form, error)
        else:
            flash(f"The meter counts for {unit.name} now.", "success")
            return _back(facility_id)
    return _claim_page(facility_id, unit, meters, form, status=_REFUSED)


@bp.get("/claims/<uuid:claim_id>")
@requires("read")
def show_claim(facility_id: UUID, claim_id: UUID) -> ResponseReturnValue:
    """Show a claim, to end it or to take it back."""
    claim = found.claim(facility_id, claim_id)
    return _end_page(facility_id, claim, EndForm(formdata=None))


@bp.post("/claims/<uuid:claim_id>")
@requires("write")
def end_claim(facility_id: UUID, claim_id: UUID) -> ResponseReturnValue:
    """Let the meter count no longer than the day typed."""
    claim, form = found.claim(facility_id, claim_id), EndForm()
    last_day = day_of(form.last_day)
    if last_day is not None:
        try:
            meter_claims.end(current_runtime(), claim_id, last_day=last_day, actor=current_actor())
        except ClaimRefused as error:
            show(form, error)
        else:
            flash("The claim ends on that day.", "success")
            return _back(facility_id)
    return _end_page(facility_id, claim, form, status=_REFUSED)


@bp.post("/claims/<uuid:claim_id>/withdraw")
@requires("write")
def withdraw_claim(facility_id: UUID, claim_id: UUID) -> ResponseReturnValue:
    """Take back a claim made by mistake."""
    found.claim(facility_id, claim_id)
    try:
        meter_claims.withdraw(current_runtime(), claim_id, actor=current_actor())
    except ClaimRefused as error:
        flash(error.display_message, "warning")
    else:
        flash("The claim was taken back.", "success")
    return _back(facility_id)


@bp.get("/channels/<uuid:channel_id>")
@requires("read")
def channel(facility_id: UUID, channel_id: UUID) -> ResponseReturnValue:
    """Show what a channel may be used for and why, to be chosen."""
    content = found.channel(facility_id, channel_id)
    standing = content["shown"].standing
    begin = {
        "eligibility": standing.chosen or standing.proposed,
        "note": standing.note or "",
        "is_production_meter": standing.chosen == "production",
    }
    form = ChannelForm(formdata=None, data=begin)
    return render_template("generation/channel.html", form=form, **content)


@bp.post("/channels/<uuid:channel_id>")
@requires("write")
def choose(facility_id: UUID, channel_id: UUID) -> ResponseReturnValue:
    """Set what a channel may be used for."""
    content, form = found.channel(facility_id, channel_id), ChannelForm()
    try:
        eligibility.choose(
            current_runtime(),
            channel_id,
            wanted=form.eligibility.data or "",
            note=form.note.data or "",
            is_production_meter=form.is_production_meter.data,
            actor=current_actor(),
        )
    except ClaimRefused as error:
        show(form, error)
        page_ = render_template("generation/channel.html", form=form, **content)
        return make_response(page_, _REFUSED)
    flash("Saved.", "success")
    return _back(facility_id)


def _back(facility_id: UUID) -> ResponseReturnValue:
    return redirect(url_for(".show", facility_id=facility_id), 303)


def _chosen(form: ClaimForm, meters: list[ShownMeter]) -> UUID | None:
    for one in meters:
        if str(one.meter.id) == form.meter_id.data:
            return one.meter.id
    form.meter_id.errors = (*form.meter_id.errors, "Please choose the meter.")
    return None


def _unit_page(
    facility: Facility, unit: UnitView | None, form: UnitForm, *, status: int = 200
) -> Response:
    form.offer_registries()
    shown = render_template("generation/unit.html", facility=facility, unit=unit, form=form)
    return make_response(shown, status)


def _claim_page(
    facility_id: UUID,
    unit: UnitView,
    meters: list[ShownMeter],
    form: ClaimForm,
    *,
    status: int = 200,
) -> Response:
    form.offer(page.choices(meters))
    shown = render_template(
        "generation/claim.html",
        facility=found.facility(facility_id),
        unit=unit,
        meters=meters,
        form=form,
    )
    return make_response(shown, status)


def _end_page(facility_id: UUID, claim: ClaimView, form: EndForm, *, status: int = 200) -> Response:
    with current_runtime().sessions() as session:
        unit = generating_units.get(session, claim.generating_unit_id, actor=current_actor())
    shown = render_template(
        "generation/end_claim.html",
        facility=found.facility(facility_id),
        unit=unit,
        claim=claim,
        meter_name=name_of(claim.meter),
        form=form,
    )
    return make_response(shown, status)
