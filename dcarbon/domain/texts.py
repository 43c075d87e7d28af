"""The one catalogue of what people read when something fails: stable code to plain words.

The words stand in ``texts_authorizing`` (coming to and losing a utility's consent),
``texts_collecting`` (what a utility sends), ``texts_claiming`` (what is claimed from readings),
``texts_reporting`` (what is reported to a registry), ``texts_deleting`` (what is to be deleted),
``texts_administering`` (what administrators do) and ``texts_asking`` (what people and programs ask
of us, and the house itself). Texts with a name or a number in them are made where the failure is
raised; the one here stands for the same code where those are not at hand.
"""

from __future__ import annotations

from collections.abc import Mapping

from dcarbon.domain.text import Text
from dcarbon.domain.texts_administering import ADMINISTERING
from dcarbon.domain.texts_asking import ASKING
from dcarbon.domain.texts_authorizing import AUTHORIZING
from dcarbon.domain.texts_claiming import CLAIMING
from dcarbon.domain.texts_collecting import COLLECTING
from dcarbon.domain.texts_deleting import DELETING
from dcarbon.domain.texts_reporting import REPORTING

__all__ = ["NOTICES", "TEXTS", "Text", "of"]

TEXTS: Mapping[str, Text] = {
    **AUTHORIZING,
    **COLLECTING,
    **ASKING,
    **CLAIMING,
    **REPORTING,
    **DELETING,
    **ADMINISTERING,
}

NOTICES: Mapping[str, Text] = {
    "delayed": Text(
        "Temporarily unable to sync data",
        "The utility is not answering at the moment. Everything collected so far is kept, and the "
        "authorization stays as it is.",
        "You need not do anything: we keep trying by ourselves.",
    ),
    "blocked": Text(
        "Syncing has stopped",
        "Something has to be put right before new readings come in. Everything collected so far "
        "is kept.",
        "The facility's page says what it is and who has to act.",
    ),
    "authorization_pending": Text(
        "Utility Authorization Pending",
        "The operator was invited and has not authorized the utility yet.",
        "You can send the invitation again, or change the address it goes to.",
    ),
    "needs_reauthorization": Text(
        "Needs reauthorization",
        "The utility no longer lets us collect the readings of this facility. Everything "
        "collected so far is kept.",
        "Please authorize the utility again; it takes about five minutes.",
    ),
    "ending_at_provider": Text(
        "Ending at the provider",
        "We stopped collecting at once. The provider has not confirmed yet that the access has "
        "ended there, too.",
        "You need not do anything: we ask until it is confirmed.",
    ),
}
"""Standing notices by what they are about; ``delayed`` and ``blocked`` are words of SyncHealth."""

_FALLBACK = Text(
    "This did not work",
    "Something went wrong that we have no better words for.",
    "Please try again. If it stays so, write to us and name the time.",
)


def of(code: str | None) -> Text:
    """Return the words for a code; for one that is unknown, words that are true of any."""
    return TEXTS.get(code or "", _FALLBACK)
