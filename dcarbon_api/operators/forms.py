"""Whom an owner invites."""

from __future__ import annotations

from wtforms import EmailField
from wtforms.validators import DataRequired, Length

from dcarbon_api.forms import Form


class InviteForm(Form):
    email = EmailField(
        "Operator's e-mail address",
        validators=[
            DataRequired("Please give the operator's e-mail address."),
            Length(max=254, message="This is too long for an e-mail address."),
        ],
    )
