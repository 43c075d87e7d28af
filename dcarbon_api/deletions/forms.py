"""Forms of requests for deletion."""

from __future__ import annotations

from wtforms import BooleanField, TextAreaField
from wtforms.validators import DataRequired, Length

from dcarbon_api.forms import Form

_LONGEST_REASON = 500


class AskForm(Form):
    """Somebody says that they know what is deleted."""

    understood = BooleanField(
        "I have read what is deleted, and that it cannot be brought back",
        validators=[DataRequired("Please tick that you have read what is deleted.")],
    )


class DeclineForm(Form):
    """Why nothing is deleted."""

    reason = TextAreaField(
        "Reason",
        validators=[
            DataRequired("Please say why; the person reads it."),
            Length(max=_LONGEST_REASON, message="Up to 500 letters, please."),
        ],
    )
