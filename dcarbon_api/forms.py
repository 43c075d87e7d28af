"""What forms of pages are made on: Flask-WTF's, with types and a way to put words at a field."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from flask_wtf.form import _Auto
from wtforms import Field


class Form(FlaskForm):
    """A form with its CSRF token."""

    def __init__(self, formdata: Any = _Auto, **named: Any) -> None:
        super().__init__(formdata=formdata, **named)  # type: ignore[no-untyped-call]

    def validate_on_submit(self, extra_validators: Any = None) -> bool:
        return bool(super().validate_on_submit(extra_validators))  # type: ignore[no-untyped-call]


def refuse(field: Field, words: str) -> None:
    """Put at a field what a service said of it."""
    field.errors = (*field.errors, words)
