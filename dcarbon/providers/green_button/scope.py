"""The scope string of Green Button: what was granted, read leniently, kept verbatim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

_INTERVALS = 4
_CUSTOMER = frozenset({46, 47, 50, 51, *range(53, 63)})
# HistoryLength is seconds by definition, yet months are found in the wild; nobody offers ten
# minutes of history (green-button reference 3.4).
_LARGEST_MONTHS = 600
_DAYS_A_MONTH = 365.2425 / 12
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class GrantedScope:
    """A scope string in parts; ``text`` is the string itself, to be replayed exactly."""

    text: str
    function_blocks: tuple[int, ...] = ()
    history: timedelta | None = None
    interval_durations: tuple[int | str, ...] = ()
    """Seconds, or a word such as ``monthly`` in lower case."""
    block_duration: int | str | None = None
    subscription_frequency: int | str | None = None
    account_collection: int | None = None
    bulk_id: str | None = None
    ends_at: datetime | None = None
    """PreferredAuthEndDate, UTC; ``None``: not stated, or until revoked."""
    others: Mapping[str, str] = field(default_factory=dict)
    """Every other term, by its name as written."""

    def covers_intervals(self) -> bool:
        """Say whether readings may be asked for: block 4, or no list of blocks at all."""
        return not self.function_blocks or _INTERVALS in self.function_blocks

    def covers_customer(self) -> bool:
        """Say whether customer data may be asked for; a custodian answers 403 where they may not.

        Blocks 46 and 47 at PG&E, 51 and 53 to 62 since, or no list of blocks at all.
        """
        return not self.function_blocks or not _CUSTOMER.isdisjoint(self.function_blocks)


def parse_scope(text: str) -> GrantedScope:
    """Read a scope string (green-button reference 3.4). Never raises: odd terms are kept."""
    terms: dict[str, str] = {}
    others: dict[str, str] = {}
    for term in text.split(";"):
        name, equals, value = term.strip().partition("=")
        if not name:
            continue
        known = name.lower() in _KNOWN and equals
        (terms if known else others)[name.lower() if known else name] = value
    return GrantedScope(
        text=text,
        function_blocks=tuple(b for b in _words(terms.get("fb", "")) if isinstance(b, int)),
        history=_history(terms.get("historylength")),
        interval_durations=_words(terms.get("intervalduration", "")),
        block_duration=_word(terms.get("blockduration")),
        subscription_frequency=_word(terms.get("subscriptionfrequency")),
        account_collection=_integer(terms.get("accountcollection")),
        bulk_id=terms.get("br") or None,
        ends_at=_moment(terms.get("preferredauthenddate")),
        others=others,
    )


_KNOWN = frozenset(
    {
        "fb",
        "historylength",
        "intervalduration",
        "blockduration",
        "subscriptionfrequency",
        "accountcollection",
        "br",
        "preferredauthenddate",
    }
)


def _words(text: str) -> tuple[int | str, ...]:
    return tuple(word for part in text.split("_") if (word := _word(part)) is not None)


def _word(text: str | None) -> int | str | None:
    if not text:
        return None
    number = _integer(text)
    return text.lower() if number is None else number


def _integer(text: str | None) -> int | None:
    if text and text.isascii() and text.isdigit() and len(text) <= _DIGITS:
        return int(text)
    return None


def _history(text: str | None) -> timedelta | None:
    number = _integer(text)
    if number is None:
        return None
    days = number * _DAYS_A_MONTH if number <= _LARGEST_MONTHS else number / 86_400
    return timedelta(days=round(days))


def _moment(text: str | None) -> datetime | None:
    seconds = _integer(text)
    if not seconds:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
