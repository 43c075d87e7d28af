"""A filing in which nothing is wrong, for tests that then break one thing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from dcarbon.domain import registries, registry_files
from dcarbon.domain.filings import FiledChannel, FiledClaim, FiledDay, Filing, UnitFacts
from dcarbon.domain.registry_files import FileRow

MONTH = date(2026, 1, 1)
UNIT = UnitFacts(
    id="unit",
    name="Roof",
    facility="Sunny Hall",
    nameplate_kw=Decimal(500),
    commercial_operation_date=date(2024, 5, 1),
    fuel="solar",
    registry_id="M805",
    reporting_unit_id=None,
)
CLAIM = FiledClaim(
    meter_id="meter",
    meter="1001",
    time_zone="America/Los_Angeles",
    basis="hourly_export",
    rule="Energy given to the grid counts.",
    first_day=date(2025, 1, 1),
    last_day=None,
    eligibility="hourly_export",
    channels=(FiledChannel("channel", "received", counts=True),),
)


def days(first: date = MONTH, count: int = 31, *, wh: int = 400_000) -> tuple[FiledDay, ...]:
    return tuple(
        FiledDay(
            meter_id="meter",
            meter="1001",
            day=first + timedelta(days=n),
            basis="hourly_export",
            value=wh,
            exponent=0,
            is_complete=True,
            is_estimated=False,
            hours=24,
        )
        for n in range(count)
    )


def row(**changes: object) -> FileRow:
    plain = FileRow("805", "805", MONTH, MONTH, date(2026, 1, 31), 12_400_000)
    return replace(plain, **changes)  # type: ignore[arg-type]


def filing(key: str = "mrets", **changes: object) -> Filing:
    """Return a filing of January 2026, looked at on February 10, with ``changes``.

    The file is written from the rows unless it is given.
    """
    profile = registries.of(key)
    rows = changes.get("rows", (row(),))
    plain = Filing(
        profile=profile,
        unit=UNIT,
        month=MONTH,
        today=date(2026, 2, 10),
        claims=(CLAIM,),
        days=days(),
        rows=rows,  # type: ignore[arg-type]
        given=registry_files.content(profile.file, rows),  # type: ignore[arg-type]
    )
    return replace(plain, **changes)  # type: ignore[arg-type]
