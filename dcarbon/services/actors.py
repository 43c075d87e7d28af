"""Who asks: a person with a way in, or the system itself. Every use case takes one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody asking for something; ``person_id`` is ``None`` for the system."""

    person_id: UUID | None
    is_admin: bool = False
    ip: str | None = None
    scopes: frozenset[str] = frozenset()
    good_until: datetime | None = None
    """When the API token of the request ends; ``None`` for one without end, and without one."""

    @property
    def kind(self) -> str:
        return "person" if self.person_id else "system"


SYSTEM = Actor(person_id=None, is_admin=True, scopes=frozenset({"read", "write"}))
