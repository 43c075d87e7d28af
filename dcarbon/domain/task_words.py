"""What is under way for an authorization, in words for administrators."""

from __future__ import annotations

from collections.abc import Mapping

from dcarbon.domain import texts

TITLES: Mapping[str, str] = {
    "collect": "Collecting readings",
    "repull": "Fetching a range again",
    "rotate": "Renewing the access",
    "revoke": texts.NOTICES["ending_at_provider"].title,
    "ask": "Waiting for a person",
}
"""By the kind of work order; ``ask``: somebody was asked to authorize again."""

_WAITING: Mapping[str, str] = {
    "collect": "It begins within seconds.",
    "repull": "It begins within seconds.",
    "rotate": "It begins within a minute.",
    "revoke": "Access has ended here. {utility} is told next.",
    "ask": "A mail asks them to authorize {utility} again. Nobody has begun yet.",
}
_WORKING: Mapping[str, str] = {
    "collect": "Readings are arriving.",
    "repull": "Readings are arriving.",
    "rotate": "A new grant is being asked for.",
    "revoke": "The newest readings are fetched once more before {utility} is told.",
    "ask": "Somebody is at the utility's page now, or was until a moment ago.",
}
_PUT_OFF: Mapping[str, str] = {
    "collect": "The utility has not given everything yet. We ask again by ourselves.",
    "repull": "The utility has not given everything yet. We ask again by ourselves.",
    "rotate": "It did not go yet. We try again by ourselves.",
    "revoke": "{utility} has not confirmed the end yet. We ask until it does.",
}
_DONE: Mapping[str, str] = {
    "collect": "Everything the utility has is here.",
    "repull": "The range is here as the utility states it now.",
    "rotate": "The new grant is in force.",
    "revoke": "{utility} has confirmed the end.",
}
_GIVEN_UP: Mapping[str, str] = {
    "collect": "Nothing more comes: the customer has to authorize again.",
    "repull": "Nothing more comes: the customer has to authorize again.",
    "rotate": "The grant could not be renewed: the customer has to authorize again.",
    "revoke": "{utility} offers no way for us to end it there. Our keys are destroyed.",
}
_STOPPED = "It was called off."
_BY_STATE: Mapping[str, Mapping[str, str]] = {
    "waiting": _WAITING,
    "working": _WORKING,
    "put_off": _PUT_OFF,
    "done": _DONE,
}


def of(kind: str, state: str, *, outcome: str | None, utility: str) -> str:
    """Return how a task stands. ``state`` and ``outcome`` are those of the task."""
    if outcome == "given_up":
        return _GIVEN_UP[kind].format(utility=utility)
    return _BY_STATE.get(state, {}).get(kind, _STOPPED).format(utility=utility)
