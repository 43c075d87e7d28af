"""Words for requests to delete a person's data, and what stands in their way."""

from __future__ import annotations

from collections.abc import Mapping

from dcarbon.domain.text import Text

_NOTHING_CHANGED = "Nothing was changed."

DELETING: Mapping[str, Text] = {
    "deletion_started": Text(
        "Too late to stop",
        f"The deletion has begun and cannot be stopped any more. {_NOTHING_CHANGED}",
        "A receipt follows by mail when it is complete.",
    ),
    "deletion_decided": Text(
        "Already decided",
        f"This request was decided, taken back or carried out meanwhile. {_NOTHING_CHANGED}",
        "Please look at the list again.",
    ),
    "deletion_of_last_administrator": Text(
        "You are the only administrator",
        f"Somebody has to be able to look after this place. {_NOTHING_CHANGED}",
        "Please let another person be made an administrator first, then ask again.",
    ),
    "payload_erased": Text(
        "This answer was deleted",
        "Its bytes are not kept any more: the time for keeping them was over, or its owner asked "
        "for it. Its hash and size stay.",
        "The audit log says when it was deleted, and why.",
    ),
    "deletion_of_ones_own": Text(
        "Somebody else has to decide",
        f"This is your own request. {_NOTHING_CHANGED}",
        "Please ask another administrator, or wait until the time is over.",
    ),
}
