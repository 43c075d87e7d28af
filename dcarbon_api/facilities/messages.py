"""What is asked and answered about facilities."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, PlainSerializer

from dcarbon.domain.facility_answers import FINANCE_TYPES
from dcarbon.services.facilities import FacilityDetails
from dcarbon.services.facility_views import CardPage, FacilityCard, FacilityView
from dcarbon_api.fields import AnswerModel, Line, RequestModel, Word
from dcarbon_api.paging import PageQuery, opaque

_Kilowatts = Annotated[Decimal, Field(gt=0, max_digits=12, decimal_places=3)]
_ExactText = Annotated[Decimal, PlainSerializer(lambda value: f"{value.normalize():f}", str)]
"""However many zeros the database keeps at its end."""

Status = Literal["pending", "authorized", "failed", "expired", "revoked"]
_AN_EXAMPLE = {
    "name": "Harbor Cold Storage",
    "street": "12 Wharf Street",
    "city": "Oakland",
    "state": "CA",
    "postal_code": "94607",
    "finance_type": "ppa",
    "system_size_kw": "49.5",
    "commercial_operation_date": "2024-05-31",
}


class NewFacility(RequestModel):
    """A facility to register. Only the name, the kind of account and the role are needed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{**_AN_EXAMPLE, "account_kind": "commercial", "role": "owner_operator"}]
        }
    )

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


class FacilityChange(RequestModel):
    """Details to change; what is not named stays, `null` or an empty text clears it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Harbor Cold Storage 2", "system_size_kw": "52"}]}
    )

    name: Line | None = None
    street: Line | None = None
    city: Line | None = None
    state: Line | None = Field(default=None, description="Two letters.", examples=["CA"])
    postal_code: Line | None = Field(default=None, examples=["94607", "94607-1234"])
    time_zone: Line | None = Field(default=None, examples=["America/Los_Angeles"])
    finance_type: Line | None = Field(default=None, examples=list(FINANCE_TYPES))
    finance_company: Line | None = None
    installer: Line | None = None
    system_size_kw: Line | None = Field(default=None, description="Kilowatts.", examples=["49.5"])
    commercial_operation_date: Line | None = Field(default=None, examples=["2024-05-31"])

    def answers(self) -> dict[str, str]:
        """Return what was sent, as it would be typed."""
        return {name: value or "" for name, value in self.model_dump(exclude_unset=True).items()}


class FacilitiesQuery(PageQuery):
    """Which facilities to list, newest first."""

    role: Literal["owner", "operator", "any"] = Field(
        default="any", description="Those you own, or those you operate."
    )
    search: Line = Field(
        default="", description="Words of the name, the address or the utility.", examples=["Oak"]
    )
    status: Status | Literal["none"] | None = Field(
        default=None, description="`none`: nobody began to authorise it."
    )


class Invited(AnswerModel):
    """An operator was asked and has not answered."""

    email: str
    sent_at: datetime
    expires_at: datetime
    is_expired: bool


class CoverageOfDay(AnswerModel):
    """The worst state of any channel on one local day."""

    day: date
    state: str = Field(examples=["complete", "partial", "asked_empty", "not_asked", "not_due"])


class FacilitySummary(AnswerModel):
    """A facility at a glance."""

    id: UUID
    name: str
    address: str
    time_zone: str
    role: str | None = Field(description="Yours; `null` for administrators without one.")
    utility: str | None = Field(examples=["PG&E"])
    auth_method: str | None = Field(examples=["green_button", "utilityapi"])
    auth_provider: str | None
    auth_id: str | None = Field(description="The provider's identifier; never a secret.")
    auth_status: str | None = Field(
        description="`null`: nobody began to authorise it.", examples=["authorized"]
    )
    authorization_id: UUID | None
    reason_code: str | None = Field(description="Why the status is what it is, for programs.")
    reason: str | None = Field(description="The same for people, with what to do.")
    sync_health: str | None = Field(
        description="`ok`, `delayed`, `blocked`; `null` unless authorized.", examples=["ok"]
    )
    sync_health_code: str | None
    sync_health_since: datetime | None
    last_sync: datetime | None
    coverage_30d: list[CoverageOfDay] = Field(
        description="The last 30 whole local days, oldest first; empty while no meter is known."
    )
    pending_invitation: Invited | None
    needs_reauthorization: bool
    may_authorize: bool

    @classmethod
    def members_of(cls, card: FacilityCard) -> dict[str, Any]:
        known = {name: getattr(card, name) for name in card.__slots__}
        days = [CoverageOfDay(day=day, state=state) for day, state in card.coverage_30d]
        return {**known, "auth_provider": card.utility, "coverage_30d": days}


class FacilitiesAnswer(AnswerModel):
    """A page of facilities."""

    facilities: list[FacilitySummary]
    next: str | None = Field(description="`after` of the next page; `null` at the end.")

    @classmethod
    def of(cls, page: CardPage) -> FacilitiesAnswer:
        listed = [FacilitySummary(**FacilitySummary.members_of(card)) for card in page.cards]
        return cls(facilities=listed, next=opaque(page.after))


class AuthorizationAnswer(AnswerModel):
    """One customer's consent at one provider for one facility."""

    id: UUID
    method: str = Field(examples=["green_button", "utilityapi"])
    provider: str = Field(examples=["pge"])
    utility: str = Field(examples=["PG&E"])
    status: str = Field(examples=["authorized"])
    status_at: datetime
    is_ending_at_provider: bool = Field(
        description="Ended here; the provider has not confirmed it yet."
    )
    reason_code: str | None
    reason: str | None
    external_id: str | None
    authorized_at: datetime | None
    consent_ends_at: datetime | None
    last_sync: datetime | None
    sync_health: str
    sync_health_code: str | None
    sync_health_since: datetime | None
    created_at: datetime


class AuthorizationsAnswer(AnswerModel):
    authorizations: list[AuthorizationAnswer]


class PreviousAnswer(AnswerModel):
    """What held before, while the facility waits for a utility."""

    utility: str
    method: str
    revoked_at: datetime
    is_ending_at_provider: bool


class PersonAnswer(AnswerModel):
    """Somebody with a role at the facility."""

    name: str
    email: str
    role: str
    since: datetime
    is_self: bool


class FacilityAnswer(FacilitySummary):
    """A facility in full, and how its present authorization stands."""

    account_kind: str
    street: str
    city: str
    state: str
    postal_code: str
    finance_type: str | None
    finance_company: str | None
    installer: str | None
    system_size_kw: _ExactText | None
    commercial_operation_date: date | None
    created_at: datetime
    authorization: AuthorizationAnswer | None
    previous: PreviousAnswer | None
    progress: dict[str, Any] = Field(description="How far the latest collection is.")
    next_try_at: datetime | None = Field(
        description="When collecting is tried again, while it does not go well."
    )
    people: list[PersonAnswer]
    may_edit: bool
    may_invite: bool
    may_change_provider: bool
    may_revoke: bool

    @classmethod
    def of(cls, view: FacilityView) -> FacilityAnswer:
        known = {name: getattr(view, name) for name in view.__slots__ if name != "card"}
        known.pop("meters")
        known["progress"] = dict(view.progress)
        return cls.model_validate({**cls.members_of(view.card), **known})
