"""What is asked and answered about what happened at a facility."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field

from dcarbon.domain.audit_words import Group
from dcarbon.services.facility_activity import Activity, Happening
from dcarbon_api.admin_audit.messages import LATEST
from dcarbon_api.fields import AnswerModel, RequestModel


class ActivityQuery(RequestModel):
    """Which events, and which part of the list."""

    about: Group | None = Field(default=None, description="Only events of this kind.")
    after: int | None = Field(
        default=None, ge=1, le=LATEST, description="`next` of the page before."
    )
    limit: int = Field(default=50, ge=1, le=200, description="Most events to answer with.")


class Fact(AnswerModel):
    label: str
    text: str


class HappeningAnswer(AnswerModel):
    """One event in words, and the stable name programs know it by."""

    seq: int
    at: datetime
    event: str
    about: Group
    title: str
    sentence: str
    who: str = Field(description="A name as you may know it; `DCarbon` for the system.")
    is_self: bool
    ip: str | None = Field(description="The IP address, of what you did yourself.")
    authorization_id: UUID | None
    facts: list[Fact]

    @classmethod
    def of_happening(cls, one: Happening) -> HappeningAnswer:
        return cls(
            seq=one.seq,
            at=one.at,
            event=one.event,
            about=one.words.group,
            title=one.words.title,
            sentence=one.words.sentence,
            who=one.who,
            is_self=one.is_self,
            ip=one.ip,
            authorization_id=one.authorization_id,
            facts=[Fact(label=label, text=text) for label, text in one.facts],
        )


class ActivityAnswer(AnswerModel):
    """Events at a facility, the newest first."""

    facility_id: UUID
    events: list[HappeningAnswer]
    next: int | None = Field(description="`after` of the next page; null on the last.")

    @classmethod
    def of_activity(cls, found: Activity) -> ActivityAnswer:
        return cls(
            facility_id=found.facility_id,
            events=[HappeningAnswer.of_happening(one) for one in found.happenings],
            next=found.next_after,
        )
