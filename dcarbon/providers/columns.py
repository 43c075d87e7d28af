"""What every parser yields: facts about meters and channels, and readings as Arrow columns.

Both protocols end here, so storage and services know one shape only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from dcarbon.domain.flows import Commodity, Direction, Measure, Unit

READINGS = pa.schema(
    [
        pa.field("channel", pa.int32(), nullable=False),  # index into ParsedPayload.channels
        pa.field("start", pa.timestamp("s", tz="UTC"), nullable=False),
        pa.field("duration_s", pa.int32(), nullable=False),
        pa.field("value", pa.int64(), nullable=False),  # quantity = value * 10 ** channel.exponent
        pa.field("quality", pa.int16(), nullable=True),  # ESPI qualityOfReading, null: not stated
    ]
)
"""Columns of readings. Intervals are half-open ``[start, start + duration_s)``, UTC."""


@dataclass(frozen=True, slots=True)
class ParseWarning:
    """Something odd that did not stop the parser: a stable code and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class MeterFacts:
    """What one payload says about a meter (ESPI UsagePoint, UtilityAPI meter).

    A field is ``None`` (or empty) where this payload does not say it; it never erases what an
    earlier payload said.
    """

    external_id: str
    commodity: Commodity = Commodity.UNKNOWN
    meter_numbers: tuple[str, ...] = ()
    service_address: str | None = None
    account_id: str | None = None
    agreement_id: str | None = None
    customer_name: str | None = None
    service_class: str | None = None
    tariff: str | None = None
    blocks: Mapping[str, object] = field(default_factory=dict)
    """Everything else, by block name, JSON-serialisable (UtilityAPI blocks, ESPI extras)."""


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """One direction of one meter in one unit, as one payload describes it."""

    usage_point: str
    """``MeterFacts.external_id``; empty when the document names no usage point."""
    direction: Direction
    unit: Unit
    commodity: Commodity
    measure: Measure
    exponent: int
    """Power of ten: quantity in ``unit`` = value * 10 ** exponent."""
    interval_s: int | None = None
    """Declared interval length; the readings' own durations decide."""
    meter_reading: str | None = None
    flow_direction: int | None = None
    """The ESPI code as written, ``None`` when absent; likewise the next four."""
    uom: int | None = None
    espi_commodity: int | None = None
    accumulation: int | None = None
    default_quality: int | None = None
    variant: str = ""
    """What else sets the channel apart, as ``name=code;…``: a single phase, a maximum, a price
    period, a meter reading whose type is unknown. Channels that differ here are never merged."""
    unusable_readings: int = 0
    """Readings with a value whose times cannot be used: they are in no column of readings."""
    unusable_total: int = 0
    """Sum of their values, scaled by ``exponent`` like all others."""


@dataclass(frozen=True, slots=True)
class ParsedPayload:
    """What one payload holds. ``readings`` has the columns of :data:`READINGS`."""

    meters: tuple[MeterFacts, ...]
    channels: tuple[ChannelFacts, ...]
    readings: pa.Table
    warnings: tuple[ParseWarning, ...] = ()
    utc_offset_s: int | None = None
    """Standard-time offset the document states (ESPI tzOffset), if any."""
    looks_like_local_clock: bool = False
    """True when starts seem to be wall-clock time written as if it were UTC; they are kept as
    written, and whoever imports decides (green-button reference 5.6)."""
    contents: Mapping[str, int] = field(default_factory=dict)
    """How many resources of each kind the payload holds, by the protocol's word for the kind."""
