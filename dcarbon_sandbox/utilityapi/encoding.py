"""Readings as JSON text, fast: local time stamps are made once per zone and day, then joined."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

from dcarbon_sandbox.customers import SandboxMeter
from dcarbon_sandbox.loads import Loads
from dcarbon_sandbox.utilityapi import wire

_DAY_S = 86400


@dataclass(frozen=True)
class Style:
    """Which members readings have. ``omit``: any of kwh, net, fwd, rev, max."""

    omit: frozenset[str] = frozenset()
    gas_kwh: str = "null"
    extras: bool = False


def readings_json(source: SandboxMeter, held: Loads, style: Style) -> str:
    """Return the JSON array of the readings present, newest first."""
    if source.commodity == "gas":
        texts = [_stamps(source.zone, a, b) for a, b in zip(held.start, held.end, strict=True)]
    else:
        texts = list(_slot_texts(source, held))
    # Electricity in Wh (three decimals of a kWh), gas in milli-therms: both are thousandths.
    grain = 1 if source.commodity == "gas" else 1000
    delivered = (held.delivered_mwh // grain).tolist()
    received = (held.received_mwh // grain).tolist()
    forms = _forms(source.serial, source.commodity, style)
    hours = source.step_s / 3600
    parts = [
        text
        + forms[(d > 0) + 2 * (r > 0)].format((d - r) / 1000, d / 1000, r / 1000, d / 1000 / hours)
        for text, d, r, present in zip(
            texts, delivered, received, held.present.tolist(), strict=True
        )
        if present
    ]
    parts.reverse()
    return "[" + ",".join(parts) + "]"


def _slot_texts(source: SandboxMeter, held: Loads) -> Iterator[str]:
    if not len(held):
        return
    first, last = int(held.start[0]), int(held.start[-1])
    for day in range(first // _DAY_S, last // _DAY_S + 1):
        begin = max(first - day * _DAY_S, 0) // source.step_s
        end = min(last - day * _DAY_S, _DAY_S - 1) // source.step_s + 1
        yield from _day_texts(source.zone, source.step_s, day)[begin:end]


@lru_cache(maxsize=2048)
def _day_texts(zone: str, step_s: int, day: int) -> list[str]:
    first = day * _DAY_S
    return [_stamps(zone, at, at + step_s) for at in range(first, first + _DAY_S, step_s)]


def _stamps(zone: str, start: int, end: int) -> str:
    return f'{{"start":"{wire.local_time(zone, start)}","end":"{wire.local_time(zone, end)}",'


@lru_cache(maxsize=4096)
def _forms(serial: str, commodity: str, style: Style) -> tuple[str, str, str, str]:
    """Return templates for: nothing flowed, delivered only, received only, both.

    Their fields are net, delivered, received (kWh or therms) and mean power (kW).
    """
    forms = [
        _form(serial, commodity, style, kinds)
        for kinds in (
            ("net", "fwd", "max"),
            ("net", "fwd", "max"),
            ("net", "rev"),
            ("net", "fwd", "rev", "max"),
        )
    ]
    return forms[0], forms[1], forms[2], forms[3]


def _form(serial: str, commodity: str, style: Style, kinds: Collection[str]) -> str:
    gas = commodity == "gas"
    field = {"net": 0, "fwd": 1, "rev": 2, "max": 3}
    points = [
        _point(kind, "therms" if gas else "kw" if kind == "max" else "kwh", field[kind], serial)
        for kind in kinds
        if kind not in style.omit and not (gas and kind == "max")
    ]
    if style.extras:
        points.append(_point("kvarh_fwd", "kvarh", 1, serial))
    kwh = '"kwh":{0},'
    if gas:
        kwh = '"kwh":null,' if style.gas_kwh == "null" else ""
    if "kwh" in style.omit:
        kwh = ""
    return f'{kwh}"datapoints":[{",".join(points)}]}}}}'


def _point(kind: str, unit: str, field: int, serial: str) -> str:
    value = f'"value":{{{field}}}'
    return f'{{{{"type":"{kind}","unit":"{unit}",{value},"meter_number":"{serial}"}}}}'
