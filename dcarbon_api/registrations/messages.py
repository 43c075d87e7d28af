"""What is asked and answered while a facility is registered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from dcarbon.services.registrations import RegistrationView
from dcarbon_api.fields import AnswerModel, RequestModel, Word

_Typed = Annotated[str, StringConstraints(max_length=2_000)]
"""Whatever was typed: it is kept even when it will not do."""


class RoleAnswered(RequestModel):
    """Which role the person takes at the facility."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "owner"}]})

    role: Literal["owner", "owner_operator"]


class DetailsAnswered(RequestModel):
    """What was typed. Every field may be left out, and is kept as it is then."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Harbor Cold Storage",
                    "street": "12 Wharf Street",
                    "city": "Oakland",
                    "state": "CA",
                    "postal_code": "94607",
                    "system_size_kw": "49.5",
                }
            ]
        }
    )

    name: _Typed | None = None
    street: _Typed | None = None
    city: _Typed | None = None
    state: _Typed | None = None
    postal_code: _Typed | None = None
    time_zone: _Typed | None = Field(default=None, description="By default that of the state.")
    finance_type: _Typed | None = Field(
        default=None, examples=["cash", "loan", "lease", "ppa", "other"]
    )
    finance_company: _Typed | None = None
    installer: _Typed | None = None
    system_size_kw: _Typed | None = None
    commercial_operation_date: _Typed | None = None
    auth_method: _Typed | None = Field(default=None, description="Kept for the utility step.")
    utility: _Typed | None = Field(default=None, description="Kept for the utility step.")

    def answers(self) -> dict[str, str]:
        return {name: value or "" for name, value in self.model_dump(exclude_unset=True).items()}


class UtilityChosen(RequestModel):
    """At which utility, and by which method, the facility is to be authorized."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"method": "green_button", "utility": "pge"},
                {"method": "utilityapi", "utility": "LADWP"},
            ]
        }
    )

    method: Literal["green_button", "utilityapi"]
    utility: Word = Field(description="A Green Button utility's key, or UtilityAPI's code.")


class AnswerProblem(AnswerModel):
    """Why one answer will not do."""

    field: str
    problem: str


class RegistrationAnswer(AnswerModel):
    """How far a registration is."""

    id: UUID
    account_kind: str
    role: str | None
    step: str = Field(
        description="role, details, utility, operator, waiting or done.", examples=["details"]
    )
    steps: list[str] = Field(description="All steps of this registration, in order.")
    answers: dict[str, str] = Field(description="What was typed so far, valid or not.")
    errors: list[AnswerProblem] = Field(description="Answers that will not do, after sending them.")
    facility_id: UUID | None
    created_at: datetime
    updated_at: datetime
    is_put_away: bool

    @classmethod
    def of(cls, view: RegistrationView) -> RegistrationAnswer:
        known = {name: getattr(view, name) for name in view.__slots__}
        known["answers"] = dict(view.answers)
        known["steps"] = list(view.steps)
        known["errors"] = [AnswerProblem(field=n, problem=w) for n, w in view.errors.items()]
        return cls(**known)


class RegistrationsAnswer(AnswerModel):
    registrations: list[RegistrationAnswer]
