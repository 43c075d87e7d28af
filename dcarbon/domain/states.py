"""The states of an authorization and the moves between them (design 4). One pure function."""

from __future__ import annotations

from enum import StrEnum

from dcarbon.domain.errors import InvalidTransition


class AuthMethod(StrEnum):
    GREEN_BUTTON = "green_button"
    UTILITYAPI = "utilityapi"


class AuthStatus(StrEnum):
    """Stored words, as in the user stories."""

    PENDING = "pending"
    AUTHORIZED = "authorized"
    FAILED = "failed"
    EXPIRED = "expired"
    REVOKED = "revoked"


class SyncHealth(StrEnum):
    """How collecting goes; separate from the status: downtime never changes ``authorized``."""

    OK = "ok"
    DELAYED = "delayed"
    BLOCKED = "blocked"


_MOVES: dict[AuthStatus, frozenset[AuthStatus]] = {
    AuthStatus.PENDING: frozenset({AuthStatus.AUTHORIZED, AuthStatus.FAILED, AuthStatus.REVOKED}),
    AuthStatus.AUTHORIZED: frozenset({AuthStatus.EXPIRED, AuthStatus.REVOKED, AuthStatus.FAILED}),
    AuthStatus.FAILED: frozenset({AuthStatus.PENDING, AuthStatus.REVOKED}),
    AuthStatus.EXPIRED: frozenset({AuthStatus.AUTHORIZED, AuthStatus.REVOKED}),
    AuthStatus.REVOKED: frozenset(),
}


def may_move(now: AuthStatus, to: AuthStatus) -> bool:
    """Say whether an authorization in state ``now`` may go to ``to``."""
    return to in _MOVES[now]


def require_move(now: AuthStatus, to: AuthStatus) -> None:
    """Raise :class:`InvalidTransition` unless the move is allowed."""
    if not may_move(now, to):
        raise InvalidTransition(
            f"authorization cannot go from {now} to {to}",
            display_message=f"This authorization is {LABELS[now].lower()}; that cannot be done.",
        )


LABELS: dict[AuthStatus, str] = {
    AuthStatus.PENDING: "Pending",
    AuthStatus.AUTHORIZED: "Active",
    AuthStatus.FAILED: "Failed",
    AuthStatus.EXPIRED: "Needs reauthorization",
    AuthStatus.REVOKED: "Revoked",
}
"""What people read where the stored word would be jargon."""
