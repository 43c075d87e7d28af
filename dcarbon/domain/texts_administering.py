"""What administrators read when something they ask for is refused."""

from __future__ import annotations

from collections.abc import Mapping

from dcarbon.domain.text import Text

ADMINISTERING: Mapping[str, Text] = {
    "bulk_empty": Text(
        "Nothing is chosen",
        "No authorization was chosen, so there is nothing to do.",
        "Please tick some in the list first.",
    ),
    "bulk_too_many": Text(
        "Too many at once",
        "More authorizations were chosen than are taken at once.",
        "Please choose fewer, and the others afterwards.",
    ),
}
