"""One attempt to authorise that is under way, as it goes from one step to the next."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Attempt:
    """An open attempt. ``state`` and ``code_verifier`` are secrets of this one flow."""

    session_id: UUID
    authorization_id: UUID
    facility_id: UUID
    person_id: UUID
    provider: str
    redirect_uri: str
    state: str
    code_verifier: str | None = None
    renews: str | None = None
    """The provider's identifier of the consent that is given anew, where there was one."""

    def __repr__(self) -> str:
        return f"Attempt({self.session_id})"
