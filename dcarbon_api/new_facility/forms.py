"""The forms of Add New Facility. What is typed is judged by the service, field by field."""

from __future__ import annotations

from collections.abc import Mapping

from wtforms import EmailField, RadioField, SelectField, StringField
from wtforms.validators import Optional

from dcarbon.domain.facility_answers import FIELDS, FINANCE_TYPES
from dcarbon.domain.us_states import TIME_ZONES
from dcarbon_api.connection.forms import GREEN_BUTTON, UTILITYAPI, UtilityForm
from dcarbon_api.forms import Form, refuse

_ROLE_CHOICES = {"owner": "Owner", "owner_operator": "Owner + Operator"}
_FINANCE_CHOICES = {"": "Select", **FINANCE_TYPES}
_STATE_CHOICES = {"": "Select", **{state: state for state in sorted(TIME_ZONES)}}
ZONE_CHOICES = {
    "": "That of the state",
    "America/New_York": "Eastern",
    "America/Chicago": "Central",
    "America/Denver": "Mountain",
    "America/Phoenix": "Mountain, no summer time",
    "America/Los_Angeles": "Pacific",
    "America/Anchorage": "Alaska",
    "Pacific/Honolulu": "Hawaii",
}


class RoleForm(Form):
    role = RadioField("Your role", choices=_ROLE_CHOICES, validate_choice=False)


class DetailsForm(Form):
    """What is asked of a facility, by the names of the service's fields."""

    name = StringField("Facility name", validators=[Optional()])
    street = StringField("Street and number", validators=[Optional()])
    city = StringField("City", validators=[Optional()])
    state = SelectField("State", choices=_STATE_CHOICES, validate_choice=False)
    postal_code = StringField("ZIP code", validators=[Optional()])
    time_zone = SelectField("Time zone", choices=ZONE_CHOICES, validate_choice=False)
    finance_type = SelectField("Finance type", choices=_FINANCE_CHOICES, validate_choice=False)
    finance_company = StringField("Finance company", validators=[Optional()])
    installer = StringField("Installer", validators=[Optional()])
    system_size_kw = StringField("System size in kW", validators=[Optional()])
    commercial_operation_date = StringField("Commercial operation date", validators=[Optional()])

    def answers(self) -> dict[str, str]:
        """Return what was typed, by field."""
        return {name: getattr(self, name).data or "" for name in FIELDS}

    def show(self, errors: Mapping[str, str]) -> None:
        """Put the service's sentences at the fields they speak of."""
        for name, sentence in errors.items():
            refuse(getattr(self, name), sentence)


class RegistrationForm(DetailsForm, UtilityForm):
    """The one page of Finance & Installer Information: details, and the utility or the operator."""

    operator_email = EmailField("Operator's e-mail address", validators=[Optional()])

    def answers(self) -> dict[str, str]:
        """Return everything that was typed or chosen so far, to be saved."""
        typed = {**super().answers(), "operator_email": self.operator_email.data or ""}
        is_listed = self.utility.data and (self.go.data == UTILITYAPI or not self.provider.data)
        if is_listed:
            return {**typed, "auth_method": UTILITYAPI, "utility": self.utility.data or ""}
        if self.provider.data:
            return {**typed, "auth_method": GREEN_BUTTON, "utility": self.provider.data}
        return typed
