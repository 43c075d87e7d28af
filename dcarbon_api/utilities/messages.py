"""What is asked and answered about utilities."""

from __future__ import annotations

from pydantic import Field

from dcarbon_api.fields import AnswerModel, Line, RequestModel


class UtilitiesQuery(RequestModel):
    search: Line = Field(
        default="", description="Part of a name or a code, whatever its case.", examples=["water"]
    )


class Utility(AnswerModel):
    """One utility."""

    method: str = Field(examples=["green_button", "utilityapi"])
    key: str = Field(description="What starting wants.", examples=["pge", "LADWP"])
    name: str
    short_name: str
    is_ready: bool = Field(description="`false` where this installation is not registered yet.")


class UtilitiesAnswer(AnswerModel):
    """The utilities that fit; `other` is the searched text itself as a code of UtilityAPI's."""

    green_button: list[Utility]
    utilityapi: list[Utility]
    other: Utility | None
