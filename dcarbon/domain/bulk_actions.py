"""What administrators do to many authorizations at once, and how far each has come, in words."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

MOST = 500
"""So many authorizations are taken into one bulk action."""


class BulkKind(StrEnum):
    RETRY = "retry"
    REVOKE = "revoke"


class Effect(StrEnum):
    """What an action does to one authorization."""

    ASKING = "asking"
    LOOKING_AGAIN = "looking_again"
    COLLECTING = "collecting"
    REPEATED = "repeated"
    TELLING = "telling"
    ENDING_HERE = "ending_here"


class Stage(StrEnum):
    """How far one authorization of a bulk action has come."""

    NOT_YET = "not_yet"
    REFUSED = "refused"
    WAITING_FOR_PROVIDER = "waiting_for_provider"
    WAITING_FOR_CUSTOMER = "waiting_for_customer"
    COLLECTING = "collecting"
    CONFIRMED = "confirmed"
    ENDED_HERE = "ended_here"
    DONE = "done"


EFFECTS: Mapping[Effect, str] = {
    Effect.ASKING: "Whoever may authorize is asked by mail to do it again",
    Effect.LOOKING_AGAIN: "The provider is asked again at once",
    Effect.COLLECTING: "The readings are collected at once",
    Effect.REPEATED: "Nothing: it was retried less than a minute ago",
    Effect.TELLING: "Ended here at once, then at the provider until it confirms",
    Effect.ENDING_HERE: "Ended here at once; the provider knows of nothing to end",
}
"""What will happen, as a preview says it."""

STAGES: Mapping[Stage, str] = {
    Stage.NOT_YET: "Not done yet",
    Stage.REFUSED: "Not possible",
    Stage.WAITING_FOR_PROVIDER: "Waiting for the provider to confirm",
    Stage.WAITING_FOR_CUSTOMER: "Asked; waiting for the customer",
    Stage.COLLECTING: "Being collected",
    Stage.CONFIRMED: "Confirmed by the provider",
    Stage.ENDED_HERE: "Ended here; nothing more can be done at the provider",
    Stage.DONE: "Done",
}

IN_MOTION = frozenset({Stage.NOT_YET, Stage.WAITING_FOR_PROVIDER, Stage.COLLECTING})
"""These change by themselves: it is worth looking again soon."""
