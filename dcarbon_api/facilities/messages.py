"""What is asked and answered about facilities."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, PlainSerializer

from dcarbon.services.facilities import FacilityDetails
from dcarbon_api.fields import AnswerModel, Line, RequestModel, Word

_Kilowatts = Annotated[Decimal, Field(gt=0, max_digits=12, decimal_places=3)]
_ExactText = Annotated[Decimal, PlainSerializer(lambda value: f"{value.normalize():f}", str)]
"""However many zeros the database keeps at its end."""


class NewFacility(RequestModel):
    """A facility to register. Only the name, the kind of account and the role are needed."""

    name: Annotated[Line, Field(min_length=1)]
    account_kind: Literal["commercial", "residential"]
    role: Literal["owner", "operator", "owner_operator"] = Field(
        description="The person's role; a plain owner cannot authorise a utility."
    )
    street: Line = ""
    city: Line = ""
    state: Line = ""
    postal_code: Line = ""
    time_zone: Word = "America/Los_Angeles"
    finance_type: Line | None = None
    finance_company: Line | None = None
    installer: Line | None = None
    system_size_kw: _Kilowatts | None = Field(default=None, examples=["49.5"])
    commercial_operation_date: date | None = None
    person_id: UUID | None = Field(
        default=None, description="Administrators only: whose facility it is."
    )

    def details(self) -> FacilityDetails:
        """Return what the service wants to know of the site."""
        return FacilityDetails(**self.model_dump(exclude={"account_kind", "role", "person_id"}))


class FacilityAnswer(AnswerModel):
    """A facility, and how its present authorization stands."""

    id: UUID
    name: str
    account_kind: str
    street: str
    city: str
    state: str
    postal_code: str
    time_zone: str
    finance_type: str | None
    finance_company: str | None
    installer: str | None
    system_size_kw: _ExactText | None
    commercial_operation_date: date | None
    auth_method: str | None
    auth_provider: str | None
    auth_id: str | None
    auth_status: str | None
    last_sync: datetime | None
    created_at: datetime


class FacilitiesAnswer(AnswerModel):
    facilities: list[FacilityAnswer]
