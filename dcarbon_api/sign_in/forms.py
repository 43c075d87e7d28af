"""Forms of signing in."""

from __future__ import annotations

from wtforms import EmailField, HiddenField, RadioField, StringField
from wtforms.validators import DataRequired, Length, Regexp

from dcarbon_api.forms import Form

_LONGEST_NAME = 120

KINDS = {
    "commercial": "Commercial: a business, as owner or operator of its sites",
    "residential": "Residential: my home",
}


class AskForm(Form):
    """Who wants a link, and where to go afterwards."""

    email = EmailField(
        "E-mail address",
        validators=[
            DataRequired("Please give your e-mail address."),
            Length(max=254, message="This is too long for an e-mail address."),
            Regexp(r"\s*[^@\s]+@[^@\s]+\.[^@\s]+\s*$", message="Please give a complete address."),
        ],
    )
    next = HiddenField()


class UseForm(Form):
    """The button that uses a link up; it carries the token only."""


class ProfileForm(Form):
    """What people say of themselves."""

    name = StringField(
        "Your name",
        validators=[
            DataRequired("Please give your name."),
            Length(max=_LONGEST_NAME, message="Up to 120 letters, please."),
        ],
    )
    account_kind = RadioField(
        "Kind of account",
        choices=KINDS,
        validators=[DataRequired("Please choose one.")],
    )
