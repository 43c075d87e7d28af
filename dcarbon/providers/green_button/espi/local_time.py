"""LocalTimeParameters: the standard-time offset and the rules of daylight saving."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from lxml import etree

from dcarbon.providers.green_button.espi.names import espi
from dcarbon.providers.green_button.espi.numbers import integer

_HEX = re.compile(r"[0-9A-Fa-f]{1,8}")
_NO_RULE = 0xFFFF_FFFF
_LAST_WEEKDAY = 7
_LARGEST_OFFSET_S = 18 * 3_600


@dataclass(frozen=True, slots=True)
class DstRule:
    """When daylight saving starts or ends each year, in wall-clock time before the change.

    ``operator`` 0: on ``day``; 1: first ``weekday`` on or after ``day``; 2 to 6: the first to
    fifth ``weekday`` of the month; 7: the last (ESPI DstRuleType, reference 5.6).
    """

    month: int
    operator: int
    day: int
    weekday: int
    hour: int
    second: int

    @property
    def is_plausible(self) -> bool:
        """False where the parts do not name a moment of the year."""
        weekday_known = 1 <= self.weekday <= _LAST_WEEKDAY
        day_known = (
            1 <= self.day <= calendar.monthrange(2024, self.month)[1] if self.month else False
        )
        return (
            1 <= self.month <= 12  # noqa: PLR2004 — months
            and self.hour < 24  # noqa: PLR2004 — hours
            and self.second < 3600  # noqa: PLR2004 — the seconds within the hour
            and (weekday_known if self.operator >= 1 else True)
            and (day_known if self.operator <= 1 else True)
        )

    def moment(self, year: int) -> datetime:
        """Return the change in ``year`` as naive wall-clock time; only for plausible rules."""
        return datetime(year, self.month, self._day(year)) + timedelta(  # noqa: DTZ001 — wall clock
            hours=self.hour, seconds=self.second
        )

    def _day(self, year: int) -> int:
        first, length = calendar.monthrange(year, self.month)
        if self.operator == 0:
            return min(self.day, length)
        start = self.day if self.operator == 1 else 1
        first_match = start + (self.weekday - 1 - (first + start - 1)) % 7
        if self.operator == 1:
            return min(first_match, length)
        wanted = first_match + 7 * (min(self.operator, 6) - 2)
        while wanted > length:
            wanted -= 7
        return wanted


@dataclass(frozen=True, slots=True)
class LocalTimeParameters:
    """What a document says about local time. Offsets are seconds east of UTC."""

    tz_offset_s: int | None = None
    dst_offset_s: int | None = None
    dst_start: DstRule | None = None
    dst_end: DstRule | None = None
    rules_are_doubtful: bool = False
    """A rule was cut short, makes no sense, or both fall into the same month: use the IANA zone
    of the utility instead (reference 5.6)."""


def decode_dst_rule(text: str | None) -> DstRule | None:
    """Decode a rule of 32 bits in hexadecimal; ``None`` where there is none or it is unreadable.

    Shorter text is padded on the right, as the bits are counted from the month down: what SCE
    writes as ``B40E`` are the first four digits of a full rule.
    """
    digits = (text or "").strip()
    if not _HEX.fullmatch(digits):
        return None
    bits = int(digits.ljust(8, "0"), 16)
    if bits == _NO_RULE:
        return None
    return DstRule(
        month=bits >> 28,
        operator=(bits >> 25) & 0x7,
        day=(bits >> 20) & 0x1F,
        weekday=(bits >> 17) & 0x7,
        hour=(bits >> 12) & 0x1F,
        second=bits & 0xFFF,
    )


def local_time_parameters(element: etree._Element) -> LocalTimeParameters:
    """Read a LocalTimeParameters element of either namespace's shape."""
    texts = {
        name: (element.findtext(espi(name)) or "").strip()
        for name in ("dstStartRule", "dstEndRule")
    }
    start, end = decode_dst_rule(texts["dstStartRule"]), decode_dst_rule(texts["dstEndRule"])
    return LocalTimeParameters(
        tz_offset_s=_offset(element.findtext(espi("tzOffset"))),
        dst_offset_s=_offset(element.findtext(espi("dstOffset"))),
        dst_start=start,
        dst_end=end,
        rules_are_doubtful=_doubtful(tuple(texts.values()), start, end),
    )


def _offset(text: str | None) -> int | None:
    offset = integer(text)
    return offset if offset is not None and abs(offset) <= _LARGEST_OFFSET_S else None


def _doubtful(texts: tuple[str, ...], start: DstRule | None, end: DstRule | None) -> bool:
    if any(text and (len(text) != 8 or not _HEX.fullmatch(text)) for text in texts):  # noqa: PLR2004
        return True
    rules = [rule for rule in (start, end) if rule is not None]
    if not all(rule.is_plausible for rule in rules):
        return True
    return start is not None and end is not None and start.month == end.month
