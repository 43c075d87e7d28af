"""Forms of a person's account."""

from __future__ import annotations

from wtforms import RadioField, StringField
from wtforms.validators import DataRequired, Length

from dcarbon_api.forms import Form

_LONGEST = 80


class TokenForm(Form):
    """A new API token."""

    name = StringField(
        "What it is for",
        validators=[
            DataRequired("Please give it a name."),
            Length(max=_LONGEST, message="Up to 80 letters, please."),
        ],
    )
    scope = RadioField(
        "What it may do",
        choices={"read": "Read", "read write": "Read and change"},
        default="read",
        validators=[DataRequired("Please choose one.")],
    )

    def scopes(self) -> list[str]:
        return str(self.scope.data).split()
