"""What is asked and answered about the list of all authorizations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, ValidationError

from dcarbon.domain.admin_status import AdminStatus, Collecting
from dcarbon.domain.states import AuthMethod
from dcarbon.services.authorization_lists import (
    AuthorizationList,
    Filters,
    Kept,
    ListedAuthorization,
    Sort,
    Tally,
    Wanted,
)
from dcarbon_api.admin_authorizations import places
from dcarbon_api.fields import AnswerModel, Line, RequestModel, Word

NEWEST_FIRST = f"-{Sort.CREATED}"
_SORTS = "|".join(Sort)
_LAST_DAY = date(9999, 12, 30)


class AuthorizationsQuery(RequestModel):
    """Which authorizations, in which order, which part of them."""

    text: Line = Field(
        default="",
        description="Words that stand in the name or address of a person, in the name of a "
        "facility or utility or in an id; all of them, at most five.",
        examples=["solar PG&E"],
    )
    method: AuthMethod | None = None
    provider: Word | None = Field(default=None, examples=["pge"])
    status: AdminStatus | None = None
    sync_health: Collecting | None = None
    needs_person: bool = Field(
        default=False, description="Only what stays as it is until somebody does something."
    )
    created_from: date | None = Field(default=None, description="First day (UTC).")
    created_to: date | None = Field(default=None, description="Last day (UTC).", le=_LAST_DAY)
    sort: str = Field(
        default=NEWEST_FIRST,
        pattern=f"^-?({_SORTS})$",
        description=f"One of {', '.join(Sort)}; with `-` in front of it descending.",
    )
    after: str | None = Field(
        default=None,
        max_length=512,
        description="`next` of the page before; without it, the first page.",
    )
    limit: int = Field(default=50, ge=1, le=200, description="Most entries to answer with.")

    @property
    def sort_key(self) -> Sort:
        return Sort(self.sort.removeprefix("-"))

    @property
    def is_descending(self) -> bool:
        return self.sort.startswith("-")

    @property
    def is_narrowed(self) -> bool:
        """Is anything filtered out?"""
        return bool(self.state().keys() - {"sort"})

    def wanted(self) -> Wanted:
        """Return what the service is asked. Raises :class:`InvalidInput` (``after_invalid``)."""
        return Wanted(
            filters=Filters(
                method=self.method,
                provider=self.provider,
                created_from=_midnight(self.created_from) if self.created_from else None,
                created_before=(
                    _midnight(self.created_to + timedelta(days=1)) if self.created_to else None
                ),
                text=self.text,
            ),
            kept=Kept(
                frozenset({self.status} if self.status else ()),
                frozenset({self.sync_health} if self.sync_health else ()),
                self.needs_person,
            ),
            sort=self.sort_key,
            is_descending=self.is_descending,
            after=places.read(self.after, self.sort_key) if self.after else None,
            limit=self.limit,
        )

    def state(self, **changes: Any) -> dict[str, Any]:
        """Return what an address of this list carries, with changes; places are left behind."""
        held = self.model_dump(exclude_defaults=True, exclude={"after", "limit"}, mode="json")
        held.update(changes)
        return {
            name: "true" if value is True else value
            for name, value in held.items()
            if value not in (None, "", False)
        }


def leniently(arguments: Mapping[str, str]) -> AuthorizationsQuery:
    """Return what an address asks for; what cannot be understood is left out."""
    known = AuthorizationsQuery.model_fields.keys() - {"limit"}
    held = {name: value for name, value in arguments.items() if name in known and value.strip()}
    try:
        return AuthorizationsQuery.model_validate(held)
    except ValidationError as error:
        wrong = {str(one["loc"][0]) for one in error.errors()}
        return AuthorizationsQuery.model_validate(
            {name: value for name, value in held.items() if name not in wrong}
        )


class ListedPerson(AnswerModel):
    """Who asked for the authorization."""

    id: UUID
    name: str
    email: str


class ListedFacility(AnswerModel):
    id: UUID
    name: str


class ListedAuthorizationAnswer(AnswerModel):
    """One authorization of the list."""

    id: UUID
    user: ListedPerson | None
    facility: ListedFacility
    utility: str = Field(examples=["PG&E"])
    provider: str = Field(examples=["pge"])
    method: str = Field(examples=["green_button", "utilityapi"])
    status: AdminStatus = Field(description="As administrators read it.")
    auth_status: str = Field(description="As it is stored.", examples=["authorized"])
    auth_id: str | None = Field(description="The provider's identifier; never a secret.")
    reason_code: str | None
    reason: str | None
    created_at: datetime
    last_sync: datetime | None
    sync_health: Collecting = Field(description="`late`: the daily sync has not come.")
    sync_words: str
    sync_health_code: str | None
    sync_health_since: datetime | None
    needs_person: bool
    actions: list[Literal["retry", "revoke"]] = Field(description="What may be tried now.")

    @classmethod
    def of(cls, row: ListedAuthorization) -> ListedAuthorizationAnswer:
        person = row.person_id and ListedPerson(
            id=row.person_id, name=row.person_name or "", email=row.person_email or ""
        )
        actions: list[Literal["retry", "revoke"]] = []
        if row.may_retry:
            actions.append("retry")
        if row.may_revoke:
            actions.append("revoke")
        same = cls.model_fields.keys() & set(ListedAuthorization.__slots__)
        return cls.model_validate(
            {
                **{name: getattr(row, name) for name in same},
                "user": person or None,
                "facility": ListedFacility(id=row.facility_id, name=row.facility_name),
                "sync_health": row.collecting,
                "sync_health_code": row.sync_code,
                "sync_health_since": row.sync_since,
                "actions": actions,
            }
        )


class CountsAnswer(AnswerModel):
    """How many there are, under all filters but those of status and sync health."""

    matches: int = Field(description="Of the status and sync health asked for, too.")
    total: int
    needs_person: int
    by_status: dict[AdminStatus, int]
    by_sync_health: dict[Collecting, int]

    @classmethod
    def of(cls, tally: Tally) -> CountsAnswer:
        return cls(
            matches=tally.matches,
            total=tally.total,
            needs_person=tally.needs_person,
            by_status=dict(tally.by_status),
            by_sync_health=dict(tally.by_collecting),
        )


class AllAuthorizationsAnswer(AnswerModel):
    """A page of the list."""

    model_config = ConfigDict(populate_by_name=True)

    counts: CountsAnswer
    authorizations: list[ListedAuthorizationAnswer]
    next: str | None = Field(description="`after` of the next page; `null` at the end.")

    @classmethod
    def of(cls, found: AuthorizationList, sort: Sort) -> AllAuthorizationsAnswer:
        return cls(
            counts=CountsAnswer.of(found.tally),
            authorizations=[ListedAuthorizationAnswer.of(row) for row in found.rows],
            next=places.written(found.after, sort) if found.after else None,
        )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
