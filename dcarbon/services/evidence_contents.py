"""What the evidence of a report says of it: the claims with their channels, the days, the total."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from dcarbon.domain.calendar import day_bounds
from dcarbon.domain.filings import FiledChannel, FiledClaim, Filing
from dcarbon.domain.flows import ESTIMATED_QUALITIES
from dcarbon.services.report_figures import Figures

FORMAT = "dcarbon-evidence-1"


@dataclass(frozen=True, slots=True)
class Final:
    """A final report as its evidence needs it. Times are UTC."""

    report_id: UUID
    sequence: int
    figures: Figures
    as_known_at: datetime
    finalised_at: datetime
    csv_sha256: bytes

    @property
    def zip_name(self) -> str:
        return f"{self.figures.file_name.removesuffix('.csv')}-evidence.zip"


@dataclass(frozen=True, slots=True)
class ClaimedChannel:
    """One channel of one claim, and where its readings lie in the zip."""

    claim: FiledClaim
    channel: FiledChannel
    start: datetime
    end: datetime
    file: str


def channels(filing: Filing) -> list[ClaimedChannel]:
    found: list[ClaimedChannel] = []
    for place, claim in enumerate(filing.claims, start=1):
        zone = ZoneInfo(claim.time_zone)
        first = max(filing.first_day, claim.first_day)
        last = min(filing.last_day, claim.last_day or date.max)
        start, end = day_bounds(first, zone)[0], day_bounds(last, zone)[1]
        for number, channel in enumerate(claim.channels, start=1):
            name = f"readings/{place:03d}-{number}-{channel.direction}.csv"
            found.append(ClaimedChannel(claim, channel, start, end, name))
    return found


def report(final: Final, channels: Sequence[ClaimedChannel]) -> bytes:
    figures, filing = final.figures, final.figures.filing
    found = {
        "format": FORMAT,
        "report_id": str(final.report_id),
        "sentence": figures.sentence,
        "registry": {
            "name": filing.profile.name,
            "format": filing.profile.standing.value,
            "edition": filing.profile.edition.isoformat(),
        },
        "unit": {
            "name": filing.unit.name,
            "facility": filing.unit.facility,
            "nameplate_kw": str(filing.unit.nameplate_kw),
            "commercial_operation_date": filing.unit.commercial_operation_date.isoformat(),
            "fuel": filing.unit.fuel,
            "registry_id": filing.unit.registry_id,
            "reporting_unit_id": filing.unit.reporting_unit_id,
        },
        "month": f"{filing.month:%Y-%m}",
        "first_day": filing.first_day.isoformat(),
        "last_day": filing.last_day.isoformat(),
        "as_known_at": _exact(final.as_known_at),
        "finalised_at": instant(final.finalised_at),
        "corrects_wh": filing.corrects_wh,
        "claims": [_claim(claim, channels) for claim in filing.claims],
        "days": [
            {
                "meter_id": day.meter_id,
                "day": day.day.isoformat(),
                "value": day.value,
                "exponent": day.exponent,
            }
            for day in filing.days
        ],
        "total": _quantity(filing.wh),
        "decimals": filing.profile.file.decimals,
        "reported_mwh": figures.mwh,
        "file": figures.file_name,
        "file_sha256": final.csv_sha256.hex(),
        "estimated_qualities": sorted(ESTIMATED_QUALITIES),
        "checks": {
            "warnings": [one.words for one in figures.preflight.warnings],
            "passed": [one.title for one in figures.preflight.passed],
        },
    }
    return json.dumps(found, indent=1, ensure_ascii=False).encode()


def _claim(claim: FiledClaim, channels: Sequence[ClaimedChannel]) -> dict[str, object]:
    return {
        "meter_id": claim.meter_id,
        "meter": claim.meter,
        "time_zone": claim.time_zone,
        "basis": claim.basis,
        "eligibility": claim.eligibility,
        "rule": claim.rule,
        "first_day": claim.first_day.isoformat(),
        "last_day": claim.last_day.isoformat() if claim.last_day else None,
        "channels": [
            {
                "direction": one.channel.direction,
                "role": "counts" if one.channel.counts else "is taken off",
                "file": one.file,
            }
            for one in channels
            if one.claim is claim
        ],
    }


def _quantity(wh: Decimal) -> dict[str, int]:
    """Return an exact amount as value and exponent."""
    sign, digits, exponent = wh.as_tuple()
    assert isinstance(exponent, int)
    value = int("".join(map(str, digits)))
    return {"value": -value if sign else value, "exponent": exponent}


def instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _exact(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
