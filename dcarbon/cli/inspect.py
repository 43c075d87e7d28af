"""``dcarbon inspect``: what a Green Button file holds, without storing anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dcarbon.cli import examples, waiting
from dcarbon.domain.errors import UnreadablePayload
from dcarbon.domain.flows import Measure
from dcarbon.providers.columns import ChannelFacts, MeterFacts, ParsedPayload
from dcarbon.providers.green_button import espi

_WIDE = pa.decimal128(38, 0)
"""Wide enough for the sum of any number of 64-bit values a file can hold."""
_NARROWEST = 160
"""Columns of the tables when the output is not a terminal: nothing is cut then."""
_CONTENT_WORDS = {
    "Authorization": "authorization(s)",
    "ApplicationInformation": "application registration(s)",
    "BatchList": "notification(s)",
    "Customer": "customer(s)",
    "CustomerAccount": "customer account(s)",
    "CustomerAgreement": "customer agreement(s)",
    "LocalTimeParameters": "set(s) of local time parameters",
    "Meter": "meter description(s)",
    "ReadingType": "reading type(s)",
    "ServiceLocation": "service location(s)",
    "ServiceStatus": "service status(es)",
    "UsageSummary": "usage summaries",
    "ElectricPowerUsageSummary": "usage summaries",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file could not be read: a stable code, what to do about it, and where it failed."""

    code: str
    message: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ChannelTotals:
    """The readings of one channel together. Times are UTC; ``total`` is scaled, exactly."""

    readings: int
    first_start: datetime | None
    last_end: datetime | None
    interval_s: int | None
    total: Decimal


@click.command(
    "inspect",
    epilog=examples.of("dcarbon inspect my-download.xml", "dcarbon inspect --json *.xml"),
)
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(path_type=Path),
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: one object, or a list of them.")
def command(files: tuple[Path, ...], *, as_json: bool) -> None:
    """Show what Green Button (ESPI) files hold: meters, channels, first and last reading, totals.

    Nothing is stored. Ends with status 1 when a file cannot be read; the others are still shown.
    """
    with waiting.under_way(Console(stderr=True), "reading"):
        outcomes = [(path, examine(path)) for path in files]
    if as_json:
        documents = [_named(path, outcome, alone=len(files) == 1) for path, outcome in outcomes]
        click.echo(json.dumps(documents[0] if len(files) == 1 else documents, indent=2))
    else:
        console = Console()
        for path, outcome in outcomes:
            if isinstance(outcome, ParsedPayload):
                _show(console if console.is_terminal else Console(width=_NARROWEST), path, outcome)
    refusals = [(path, outcome) for path, outcome in outcomes if isinstance(outcome, Refusal)]
    for path, refusal in refusals:
        where = f"{refusal.code}: {refusal.detail}" if refusal.detail else refusal.code
        click.echo(f"{path}: {refusal.message} ({where})", err=True)
    if refusals:
        raise click.exceptions.Exit(1)


def examine(path: Path) -> ParsedPayload | Refusal:
    """Parse one file; a file that cannot be read is an answer, too."""
    try:
        return espi.parse(path)
    except UnreadablePayload as error:
        return Refusal(error.code, error.display_message, str(error))
    except OSError as error:
        reason = error.strerror or "the system refused"
        return Refusal("file_unreadable", f"The file cannot be opened: {reason}.")


def totals(payload: ParsedPayload) -> tuple[ChannelTotals, ...]:
    """Sum up every channel of a payload; readings without usable times count in the total."""
    return tuple(
        _totals(payload, number, channel) for number, channel in enumerate(payload.channels)
    )


def describe(payload: ParsedPayload) -> dict[str, object]:
    """Return the payload as the JSON object of ``--json``."""
    return {
        "usage_points": payload.contents.get("UsagePoint", 0),
        "meter_readings": payload.contents.get("MeterReading", 0),
        "channels": [
            _channel_json(channel, summed)
            for channel, summed in zip(payload.channels, totals(payload), strict=True)
        ],
        "warnings": [
            {"code": warning.code, "message": warning.message} for warning in payload.warnings
        ],
    }


def decimal_text(number: Decimal) -> str:
    """Write a decimal exactly, without exponent and without zeros that say nothing."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _totals(payload: ParsedPayload, number: int, channel: ChannelFacts) -> ChannelTotals:
    mine = payload.readings.filter(pc.equal(payload.readings["channel"], number))
    starts = mine["start"].cast("int64").to_numpy()
    durations = mine["duration_s"].to_numpy()
    raw = channel.unusable_total + int(pc.sum(mine["value"].cast(_WIDE)).as_py() or 0)
    lengths = {int(length) for length in set(durations.tolist())}
    ends = starts + durations
    return ChannelTotals(
        readings=len(mine) + channel.unusable_readings,
        first_start=_utc(starts.min()) if len(mine) else None,
        last_end=_utc(ends.max()) if len(mine) else None,
        interval_s=channel.interval_s or (lengths.pop() if len(lengths) == 1 else None),
        total=_scaled(raw, channel.exponent),
    )


def _scaled(raw: int, exponent: int) -> Decimal:
    """Return raw * 10 ** exponent exactly, however many digits that takes."""
    sign, digits, _ = Decimal(raw).as_tuple()
    return Decimal((sign, digits, exponent))


def _utc(epoch: int) -> datetime:
    return datetime.fromtimestamp(int(epoch), UTC)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _channel_json(channel: ChannelFacts, summed: ChannelTotals) -> dict[str, object]:
    return {
        "usage_point": channel.usage_point or None,
        "flow_direction": channel.flow_direction,
        "uom": channel.uom,
        "commodity": channel.espi_commodity,
        "interval_length": summed.interval_s,
        "readings": summed.readings,
        "first_start": _iso(summed.first_start),
        "last_end": _iso(summed.last_end),
        "total": {"value": decimal_text(summed.total), "unit": channel.unit.value},
    }


def _named(path: Path, outcome: ParsedPayload | Refusal, *, alone: bool) -> dict[str, object]:
    if isinstance(outcome, Refusal):
        return {
            "file": str(path),
            "error": {"code": outcome.code, "message": outcome.message},
        }
    return describe(outcome) if alone else {"file": str(path), **describe(outcome)}


def _show(console: Console, path: Path, payload: ParsedPayload) -> None:
    console.print(f"[bold]{escape(str(path))}[/bold]")
    console.print(_headline(payload))
    for line in filter(None, map(_meter_line, payload.meters)):
        console.print(f"  {escape(line)}")
    if payload.channels:
        console.print(_channel_table(payload))
    for warning in payload.warnings:
        if warning.code != "no_interval_data":
            console.print(f"[yellow]Note:[/yellow] {escape(warning.message)} ({warning.code})")
    console.print()


def _headline(payload: ParsedPayload) -> str:
    blocks = payload.contents.get("IntervalBlock", 0)
    points = payload.contents.get("UsagePoint", 0)
    series = payload.contents.get("MeterReading", 0)
    if blocks:
        return (
            f"{points} usage point(s), {series} meter reading(s), {blocks} interval block(s),"
            f" {sum(one.readings for one in totals(payload)):,} readings"
        )
    held = [f"{count} {_CONTENT_WORDS.get(kind, kind)}" for kind, count in payload.contents.items()]
    return f"No interval readings. It holds: {', '.join(held) or 'nothing, the feed is empty'}."


def _meter_line(meter: MeterFacts) -> str:
    """Return what a customer feed says of a meter; nothing for a bare usage point."""
    said = {
        "address": meter.service_address,
        "account": meter.account_id,
        "agreement": meter.agreement_id,
        "meter": ", ".join(meter.meter_numbers) or None,
        "tariff": meter.tariff,
    }
    known = "; ".join(f"{name} {text}" for name, text in said.items() if text)
    return f"Usage point {meter.external_id or 'without id'}: {known}" if known else ""


def _channel_table(payload: ParsedPayload) -> Table:
    table = Table(show_lines=False)
    for heading in ("Usage point", "Direction", "Commodity", "Interval"):
        table.add_column(heading)
    table.add_column("Readings", justify="right")
    for heading in ("First start (UTC)", "Last end (UTC)"):
        table.add_column(heading)
    table.add_column("Total", justify="right")
    for channel, summed in zip(payload.channels, totals(payload), strict=True):
        table.add_row(*_channel_cells(channel, summed))
    return table


def _channel_cells(channel: ChannelFacts, summed: ChannelTotals) -> Iterator[str]:
    yield escape(channel.usage_point or "not named")
    yield channel.direction.value
    yield channel.commodity.value
    yield f"{summed.interval_s:,} s" if summed.interval_s else "differs"
    yield f"{summed.readings:,}"
    yield _iso(summed.first_start) or "unusable"
    yield _iso(summed.last_end) or "unusable"
    if channel.measure is Measure.USAGE:
        yield f"{_grouped(summed.total)} {_unit_word(channel)}"
    else:
        yield f"not summed: {channel.measure.value} in {_unit_word(channel)}"


def _grouped(number: Decimal) -> str:
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _unit_word(channel: ChannelFacts) -> str:
    return {"unknown": "(no unit)", "other": f"(uom {channel.uom})"}.get(
        channel.unit.value, channel.unit.value
    )
