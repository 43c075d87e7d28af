"""The form that confirms a bulk action."""

from __future__ import annotations

from uuid import UUID

from flask import request
from wtforms import StringField
from wtforms.validators import Length, Optional

from dcarbon.domain.bulk_actions import BulkKind
from dcarbon.domain.errors import InvalidInput
from dcarbon_api.forms import Form

LONGEST_REASON = 200


class BulkForm(Form):
    """Why, in words that people at the facilities read where their access is ended."""

    reason = StringField(
        "Reason",
        validators=[
            Optional(),
            Length(max=LONGEST_REASON, message=f"Please use at most {LONGEST_REASON} characters."),
        ],
    )


def asked_kind(value: str | None) -> BulkKind:
    """Return what is to be done. Raises :class:`InvalidInput` (``bulk_empty``)."""
    try:
        return BulkKind(value or "")
    except ValueError:
        raise InvalidInput("neither retry nor revoke", code="bulk_empty") from None


def chosen_ids() -> list[UUID]:
    """Return the authorizations that were ticked; what is no id is left out."""
    found: list[UUID] = []
    for value in request.values.getlist("id"):
        try:
            found.append(UUID(value))
        except ValueError:
            continue
    return found
