"""The forms of the page Generation. What is typed is judged by the services, field by field."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from wtforms import BooleanField, RadioField, SelectField, StringField
from wtforms.validators import Optional

from dcarbon.domain.eligibility import Eligibility
from dcarbon.domain.errors import AnswersInvalid, ClaimRefused
from dcarbon.domain.generating_unit_answers import FIELDS, FUELS
from dcarbon.domain.registries import profiles
from dcarbon_api.forms import Form, refuse
from dcarbon_api.generation.wording import ELIGIBILITIES

_SELECT = {"": "Select"}
_UNREADABLE = "Please give the date as year-month-day, such as 2026-01-31."


class UnitForm(Form):
    """A generating unit, by the names of the service's fields."""

    name = StringField("Name", validators=[Optional()])
    nameplate_kw = StringField("Nameplate capacity in kW (AC)", validators=[Optional()])
    commercial_operation_date = StringField("Commercial operation date", validators=[Optional()])
    fuel = SelectField("Energy source", choices={**_SELECT, **FUELS}, validate_choice=False)
    registry = SelectField("Registry", validate_choice=False)
    registry_id = StringField("Generator ID at the registry", validators=[Optional()])
    reporting_unit_id = StringField("Reporting unit ID", validators=[Optional()])

    def offer_registries(self) -> None:
        """Offer every registry there is a profile of, unconfirmed ones marked so."""
        names = {
            key: profile.name if profile.is_confirmed else f"{profile.name} (file unconfirmed)"
            for key, profile in profiles().items()
        }
        self.registry.choices = {**_SELECT, **names}

    def answers(self) -> dict[str, str]:
        """Return what was typed, by field."""
        return {name: getattr(self, name).data or "" for name in FIELDS}


class ClaimForm(Form):
    """Which meter counts, and on which local days at it."""

    meter_id = RadioField("Meter", validate_choice=False)
    first_day = StringField("First day", validators=[Optional()])
    last_day = StringField("Last day", validators=[Optional()])

    def offer(self, meters: Mapping[str, str]) -> None:
        """Offer these meters, by id, with what is said of each."""
        self.meter_id.choices = dict(meters)

    def days(self) -> tuple[date, date | None] | None:
        """Return the days, or put words at what is no date."""
        first, last = day_of(self.first_day), day_of(self.last_day, may_be_open=True)
        if first is None or self.last_day.errors:
            return None
        return first, last


class EndForm(Form):
    """The last local day on which a meter counts."""

    last_day = StringField("Last day", validators=[Optional()])


class ChannelForm(Form):
    """What a channel may be used for."""

    eligibility = RadioField(
        "Use this channel as",
        choices={one.value: ELIGIBILITIES[one] for one in Eligibility},
        validate_choice=False,
    )
    is_production_meter = BooleanField(
        "I state that this meter measures what the inverter or generator gives out (AC)"
    )
    note = StringField("Note", validators=[Optional()])


def day_of(field: StringField, *, may_be_open: bool = False) -> date | None:
    """Return the day typed into a field, or put words at it."""
    typed = (field.data or "").strip()
    if not typed and may_be_open:
        return None
    try:
        return date.fromisoformat(typed)
    except ValueError:
        refuse(field, _UNREADABLE)
        return None


def show(form: Form, error: AnswersInvalid | ClaimRefused) -> None:
    """Put a service's sentences at the fields they speak of."""
    found: Mapping[str, str] = (
        error.fields if isinstance(error, AnswersInvalid) else {error.field: error.display_message}
    )
    for name, sentence in found.items():
        # How a meter counts follows from which it is: it is not asked for.
        refuse(getattr(form, "meter_id" if name == "basis" else name), sentence)
