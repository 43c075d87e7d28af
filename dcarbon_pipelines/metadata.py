"""Numbers and tables people read in Dagster. Never a name, an address or a token of a customer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from uuid import UUID

import dagster as dg

from dcarbon.services.collection import CollectionOutcome

LONGEST_TABLE = 200

_OUTCOME_HEADER = (
    *("Facility", "Utility", "Outcome", "Readings", "New", "Restated"),
    *("kWh delivered", "kWh received", "Days covered"),
)

Metadata = dict[str, dg.MetadataValue]


def facility_url(public_url: str, facility_id: UUID) -> str:
    """Return the address of a facility's page in the web app."""
    return f"{public_url}/facilities/{facility_id}"


def facility_link(facility_id: UUID, public_url: str) -> str:
    """Return the facility in a Markdown table: the end of its id, leading to its page."""
    return f"[{str(facility_id)[-12:]}]({facility_url(public_url, facility_id)})"


def of_outcome(outcome: CollectionOutcome, public_url: str) -> Metadata:
    """Return the numbers of one collection."""
    return {
        "facility": dg.MetadataValue.url(facility_url(public_url, outcome.facility_id)),
        "utility": dg.MetadataValue.text(outcome.utility),
        "window": dg.MetadataValue.text(window_text(outcome)),
        "meters": dg.MetadataValue.int(outcome.meters),
        **_totals([outcome]),
    }


def of_meters(outcome: CollectionOutcome, public_url: str) -> Metadata:
    """Return what is of interest about the meters of one collection."""
    numbers = of_outcome(outcome, public_url)
    return {name: numbers[name] for name in ("facility", "utility", "meters", "provider_seconds")}


def of_day(outcomes: Sequence[CollectionOutcome], public_url: str) -> Metadata:
    """Return the numbers of one shard's day, with what became of whom, those that failed first.

    Numbers have the same names and kinds every day: Dagster plots them over time.
    """
    failed = sum(outcome.error is not None for outcome in outcomes)
    numbers: Metadata = {
        "authorizations": dg.MetadataValue.int(len(outcomes)),
        "failed": dg.MetadataValue.int(failed),
        "failed_percent": dg.MetadataValue.float(
            round(100 * failed / len(outcomes), 2) if outcomes else 0.0
        ),
        "awaited": dg.MetadataValue.int(sum(outcome.waiting for outcome in outcomes)),
        **_totals(outcomes),
    }
    if outcomes:
        numbers["outcomes"] = dg.MetadataValue.md(outcome_table(outcomes, public_url))
    return numbers


def outcome_table(outcomes: Iterable[CollectionOutcome], public_url: str) -> str:
    """Return a Markdown table with a line per authorization, those that failed first."""
    ordered = sorted(outcomes, key=lambda o: (o.error is None, not o.waiting, str(o.facility_id)))
    return table(
        _OUTCOME_HEADER,
        [
            (
                facility_link(o.facility_id, public_url),
                o.utility,
                outcome_words(o),
                o.readings,
                o.new,
                o.restated,
                _kwh(o.delivered_kwh),
                _kwh(o.received_kwh),
                f"{o.covered_days} of {o.due_days}",
            )
            for o in ordered
        ],
    )


def outcome_words(outcome: CollectionOutcome) -> str:
    """Return what became of one authorization, in words."""
    if outcome.error is not None:
        return f"{outcome.error.display_message} ({outcome.error.code})"
    if outcome.unreadable:
        return f"{outcome.unreadable} answers could not be read; they are kept as they came."
    if outcome.waiting:
        return "The utility is preparing the data; we ask again by ourselves."
    return "Collected"


def window_text(outcome: CollectionOutcome) -> str:
    """Return the window as an ISO 8601 interval, half-open."""
    start, end = outcome.window
    return f"{start.isoformat(timespec='seconds')}/{end.isoformat(timespec='seconds')}"


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table; a long one is cut and says so."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    lines += [
        "| " + " | ".join(_cell(value) for value in row) + " |" for row in rows[:LONGEST_TABLE]
    ]
    if len(rows) > LONGEST_TABLE:
        lines.append(f"\n… and {len(rows) - LONGEST_TABLE} more.")
    return "\n".join(lines)


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def _kwh(energy: Decimal) -> str:
    return f"{energy:,.1f}"


def _totals(outcomes: Sequence[CollectionOutcome]) -> Mapping[str, dg.MetadataValue]:
    """Return sums as Dagster plots them over time: here, and only here, energy is a float."""
    covered = sum(o.covered_days for o in outcomes)
    due = sum(o.due_days for o in outcomes)
    delivered = sum((o.delivered_kwh for o in outcomes), Decimal(0))
    received = sum((o.received_kwh for o in outcomes), Decimal(0))
    provider_seconds = sum((o.provider_seconds for o in outcomes), 0.0)
    counts = ("payloads", "readings", "new", "restated", "unreadable")
    return {
        **{n: dg.MetadataValue.int(sum(getattr(o, n) for o in outcomes)) for n in counts},
        "kwh_delivered": dg.MetadataValue.float(float(delivered)),
        "kwh_received": dg.MetadataValue.float(float(received)),
        "coverage": dg.MetadataValue.text(f"{covered} of {due} channel days"),
        "coverage_percent": dg.MetadataValue.float(round(100 * covered / due, 2) if due else 0.0),
        "provider_seconds": dg.MetadataValue.float(round(provider_seconds, 3)),
    }
