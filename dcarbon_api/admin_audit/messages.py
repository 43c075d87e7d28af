"""What is asked of the audit log, and entries as programs get them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from dcarbon.domain.audit_words import Group
from dcarbon.services.audit_files import Format
from dcarbon.services.audit_search import AuditPage, EntryView, Wish
from dcarbon_api.fields import AnswerModel, Line, RequestModel

LATEST = 2**63 - 1
"""The largest number an entry can have."""


class AuditFilters(RequestModel):
    """Entries that all of these find; what is empty is any."""

    event: Line = Field(
        default="",
        description="Names of events, or of groups (`authorizations`, `data`, `facilities`, "
        "`generation`, `signing_in`, `administration`), with commas between.",
        examples=["authorization_revoked,data"],
    )
    person: Line = Field(
        default="",
        description="Part of a name or address, an id, or `system`. Finds what they did and what "
        "was done about them.",
    )
    facility: Line = Field(default="", description="Part of a name, or an id.")
    authorization: Line = Field(default="", description="An id, or `auth_id` of the provider.")
    ip: Line = Field(
        default="", description="An address or a network.", examples=["203.0.113.0/24"]
    )
    start: Line = Field(
        default="",
        description="A date (midnight UTC) or a time with an offset.",
        examples=["2026-03-01"],
    )
    end: Line = Field(default="", description="As start; not part of the range.")
    text: Line = Field(
        default="",
        description="Beginnings of words, each in the details or in the words for the event.",
    )

    def wish(self) -> Wish:
        return Wish(**{name: getattr(self, name) for name in AuditFilters.model_fields})


class AuditQuery(AuditFilters):
    """Which entries, and which part of the list."""

    after: int | None = Field(
        default=None, ge=1, le=LATEST, description="`next` of the page before."
    )
    limit: int = Field(default=50, ge=1, le=200, description="Most entries to answer with.")


class AuditExportQuery(AuditFilters):
    """Which entries, and as what."""

    format: Format = Field(
        default=Format.JSON_LINES,
        description="jsonl: an object a line with what is hashed, and `hash`; csv: with names.",
    )


class AuditEntryAnswer(AnswerModel):
    """One entry. Names are those of today, null where there are none any more."""

    seq: int
    at: datetime
    event: str
    group: Group
    title: str
    actor_kind: str
    actor_id: UUID | None
    actor_name: str | None
    facility_id: UUID | None
    facility_name: str | None
    authorization_id: UUID | None
    utility: str | None
    ip: str | None
    details: dict[str, Any]
    previous_hash: str
    hash: str

    @classmethod
    def of_view(cls, view: EntryView) -> AuditEntryAnswer:
        same = {name: getattr(view, name) for name in cls.model_fields if hasattr(view, name)}
        told = {
            "group": view.words.group,
            "title": view.words.title,
            "previous_hash": view.previous_hash.hex(),
            "hash": view.hash.hex(),
        }
        return cls(**{**same, **told})


class AuditAnswer(AnswerModel):
    """Entries, the newest first."""

    entries: list[AuditEntryAnswer]
    next: int | None = Field(description="`after` of the next page; null on the last.")

    @classmethod
    def of_page(cls, found: AuditPage) -> AuditAnswer:
        return cls(
            entries=[AuditEntryAnswer.of_view(one) for one in found.entries],
            next=found.next_after,
        )
