"""The statement of a report as PDF: one page or two a person can read, sign and file.

Made by typst from stored figures alone, so the same report gives the same bytes each time.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from uuid import UUID

from dcarbon.domain import claim_words
from dcarbon.domain.filings import FiledDay, Filing
from dcarbon.services.report_figures import Figures

_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_CLOSING = (
    "Every number here can be computed again from the readings in the evidence of this report, "
    "which also holds the utility's own answers and a program that checks both."
)


@dataclass(frozen=True, slots=True)
class Made:
    """How a report came about; ``None`` while it is a draft. Times are UTC."""

    report_id: UUID
    sequence: int
    finalised_at: datetime | None
    as_known_at: datetime | None


def pdf(figures: Figures, made: Made) -> bytes:
    """Return the statement as PDF/A-3b, with the registry's file attached."""
    import typst  # noqa: PLC0415 — 80 MB of it, needed for this alone

    return typst.compile(
        _template(),
        sys_inputs={"data": json.dumps(_data(figures, made))},
        timestamp=(made.finalised_at or _NO_TIME).astimezone(UTC).replace(microsecond=0),
        ignore_system_fonts=True,
        pdf_standards="a-3b",
    )


@cache
def _template() -> bytes:
    return files("dcarbon.services").joinpath("statement_files/statement.typ").read_bytes()


def _data(figures: Figures, made: Made) -> Mapping[str, object]:
    filing = figures.filing
    month = claim_words.month_name(filing.month)
    return {
        "title": f"Generation statement, {month}",
        "subtitle": f"{filing.unit.name}, {filing.unit.facility} · {filing.profile.name}",
        "foot": f"{filing.unit.name} · {month} · report {made.report_id}",
        "mark": _mark(figures, made),
        "mwh": figures.mwh,
        "sentence": figures.sentence,
        "facts": _facts(figures, made),
        "days": _days(filing),
        "zones": ", ".join(sorted({claim.time_zone for claim in filing.claims})),
        "highest": _kwh(max(_by_day(filing).values(), default=Decimal(0))),
        "incomplete": not all(day.is_complete for day in filing.days),
        "meters": _meters(filing),
        "errors": [one.words for one in figures.preflight.errors],
        "warnings": [one.words for one in figures.preflight.warnings],
        "passed": "; ".join(one.title for one in figures.preflight.passed) + ".",
        "hashes": _hashes(figures, made),
        "closing": _CLOSING,
        "csv": filing.given.decode(),
        "file_name": figures.file_name,
    }


def _mark(figures: Figures, made: Made) -> str:
    if made.finalised_at is None:
        return "Draft: nothing has been reported yet, and the number can still change."
    corrected = figures.filing.corrects_wh
    if corrected is None:
        return ""
    return (
        f"Correction {made.sequence}: it replaces the {_mwh(corrected)} MWh reported before. The "
        "number above is the full corrected total, not the difference."
    )


def _facts(figures: Figures, made: Made) -> list[tuple[str, str]]:
    filing, unit = figures.filing, figures.filing.unit
    row = filing.rows[0]
    return [
        ("Generating unit", f"{unit.name}, {unit.facility}"),
        ("Nameplate", f"{unit.nameplate_kw.normalize():f} kW, {unit.fuel}"),
        ("In operation since", _date(unit.commercial_operation_date)),
        ("Registry", f"{filing.profile.name} ({filing.profile.standing.value} format)"),
        ("Generator id", row.generator_id or "not given yet"),
        ("Reporting unit id", row.reporting_unit_id or "not given yet"),
        ("Days reported", f"{_date(row.start)} to {_date(row.end)}"),
        ("Exact total", f"{_kwh(filing.wh)} kWh, cut to {filing.profile.file.decimals} decimals"),
        *_register(filing),
        ("Made final", _instant(made.finalised_at)),
    ]


def _register(filing: Filing) -> list[tuple[str, str]]:
    """Return the figure that is not claimed beside the one that is."""
    if filing.register_wh is None:
        return []
    return [("Export registers", f"{_kwh(filing.register_wh)} kWh in all; not what is claimed")]


def _days(filing: Filing) -> list[dict[str, object]]:
    totals, hours = _by_day(filing), {day.day: day.hours for day in filing.days}
    open_days = {day.day for day in filing.days if not day.is_complete}
    return [
        {
            "label": f"{day:%a}, {day:%b} {day.day}",
            "number": str(day.day),
            "hours": str(hours[day]),
            "kwh": _kwh(wh),
            "drawn": float(wh),
            "complete": day not in open_days,
        }
        for day, wh in sorted(totals.items())
    ]


def _by_day(filing: Filing) -> dict[date, Decimal]:
    totals: dict[date, Decimal] = defaultdict(Decimal)
    for day in filing.days:
        totals[day.day] += day.wh
    return totals


def _meters(filing: Filing) -> list[dict[str, str]]:
    days: dict[str, list[FiledDay]] = defaultdict(list)
    for day in filing.days:
        days[day.meter_id].append(day)
    return [
        {
            "name": claim.meter,
            "basis": claim.basis.replace("_", " "),
            "rule": claim.rule,
            "days": str(len(days[claim.meter_id])),
            "kwh": _kwh(sum((day.wh for day in days[claim.meter_id]), Decimal(0))),
        }
        for claim in filing.claims
    ]


def _hashes(figures: Figures, made: Made) -> list[tuple[str, str]]:
    return [
        ("Readings as known at", _instant(made.as_known_at)),
        ("Registry's file", figures.file_name),
        ("SHA-256 of the file", figures.csv_sha256.hex()),
        (
            "Registry profile",
            f"{figures.filing.profile.key}, edition of {_date(figures.filing.profile.edition)}",
        ),
        ("Source of the format", _source(figures)),
        ("Report", str(made.report_id)),
    ]


def _source(figures: Figures) -> str:
    source = figures.filing.profile.file.source
    dated = f", {_date(source.dated)}" if source.dated else ""
    return f"{source.title} ({source.where}){dated}"


def _date(day: date) -> str:
    return f"{day:%b} {day.day}, {day.year}"


def _instant(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else "not yet"


def _kwh(wh: Decimal) -> str:
    return f"{wh.scaleb(-3):,.3f}"


def _mwh(wh: int) -> str:
    return f"{Decimal(wh).scaleb(-6):,.3f}"
