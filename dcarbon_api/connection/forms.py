"""The utility section of a form: a Green Button utility, or one of UtilityAPI's list."""

from __future__ import annotations

from wtforms import StringField
from wtforms.validators import Length, Optional

from dcarbon_api.forms import Form, refuse

GREEN_BUTTON = "green_button"
UTILITYAPI = "utilityapi"
SEARCH = "search"

_LONGEST_SEARCH = 60
_LONGEST_KEY = 64


class UtilityForm(Form):
    """Which utility, and which of the three buttons was pressed (``go``)."""

    provider = StringField(validators=[Optional(), Length(max=_LONGEST_KEY)])
    utility = StringField(validators=[Optional(), Length(max=_LONGEST_KEY)])
    search = StringField(validators=[Optional(), Length(max=_LONGEST_SEARCH)])
    go = StringField(validators=[Optional()])

    @property
    def is_search(self) -> bool:
        return bool(self.go.data == SEARCH)

    def chosen(self) -> tuple[str, str] | None:
        """Return ``(method, utility)`` as chosen, or say at the field what is missing."""
        method = UTILITYAPI if self.go.data == UTILITYAPI else GREEN_BUTTON
        field = self.utility if method == UTILITYAPI else self.provider
        if field.data:
            return method, field.data
        words = (
            "Please choose your utility from the list."
            if method == UTILITYAPI
            else "Please choose one of these utilities, or look for yours below."
        )
        refuse(field, words)
        return None
