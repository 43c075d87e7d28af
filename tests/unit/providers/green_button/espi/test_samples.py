"""Every real file gives the facts that were found in it by other means."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow.compute as pc
import pytest

from dcarbon.domain.errors import UnreadablePayload
from dcarbon.domain.flows import Direction, Measure, Unit
from dcarbon.providers.columns import ParsedPayload
from dcarbon.providers.green_button import espi
from dcarbon.providers.green_button.espi import document
from dcarbon.providers.green_button.espi.parse import assemble


@dataclass(frozen=True)
class Facts:
    """One row of the table of usage files; ``key`` is (commodity, uom, flowDirection)."""

    file: str
    resources: tuple[int, int, int, int]
    """Usage points, meter readings, reading types, interval blocks."""
    readings: int
    first: int
    last: int
    key: tuple[int | None, int | None, int | None]
    total: str
    local_clock: bool = False


FILES = [
    Facts(
        "pge-electric-hourly-1day",
        (1, 1, 1, 1),
        24,
        1570086000,
        1570168800,
        (1, 72, 1),
        "50663.298",
    ),
    Facts("pge-gas-daily-1day", (1, 1, 1, 1), 1, 1589007601, 1589007601, (7, 169, 1), "0"),
    Facts("sce-bulk-usage", (1, 1, 1, 1), 97, 1439449200, 1439535600, (1, 72, 1), "24380"),
    Facts(
        "sdge-download-hourly-2019-10",
        (1, 1, 1, 23),
        552,
        1569888000,
        1571871600,
        (1, 72, 1),
        "351425",
        local_clock=True,
    ),
    Facts(
        "opower-pge-quarter-hourly-cost-2013",
        (1, 1, 1, 1),
        192,
        1365490800,
        1365662700,
        (None, 72, None),
        "7494",
    ),
    Facts(
        "ameren-quarter-hourly-four-usagepoints",
        (4, 1, 4, 1),
        96,
        1701648000,
        1701733500,
        (1, 72, 1),
        "57893",
        local_clock=True,
    ),
    Facts(
        "utilityapi-batch-reverse-flow",
        (1, 1, 1, 1),
        67,
        1725321600,
        1725407100,
        (1, 72, 19),
        "726240",
    ),
    Facts(
        "puc-minimal-reverse-order",
        (1, 1, 2, 1),
        300,
        1677088800,
        1678165200,
        (None, 72, 1),
        "248530",
    ),
    Facts(
        "gba-hourly-nine-days-cost", (1, 1, 1, 9), 216, 1388552400, 1389326400, (1, 72, 1), "199563"
    ),
    Facts(
        "gba-gas-monthly-cost", (1, 1, 1, 13), 13, 1301630400, 1333252800, (7, 169, 1), "1081.119"
    ),
]
EVERY_FILE = [
    *(facts.file for facts in FILES),
    "gba-forward-reverse-conflicting-links",
    "national-grid-ma-gas-cost-odd",
]


def total(payload: ParsedPayload, channel: int = 0) -> Decimal:
    mine = payload.readings.filter(pc.equal(payload.readings["channel"], channel))
    raw = sum(mine["value"].to_pylist())
    return Decimal(raw).scaleb(payload.channels[channel].exponent)


def codes(payload: ParsedPayload) -> set[str]:
    return {warning.code for warning in payload.warnings}


@pytest.mark.parametrize("facts", FILES, ids=lambda facts: facts.file)
def test_a_usage_file_gives_its_known_facts(samples: Path, facts: Facts) -> None:
    payload = espi.parse(samples / f"{facts.file}.xml")

    (channel,) = payload.channels
    starts = payload.readings["start"].to_pylist()
    kinds = ("UsagePoint", "MeterReading", "ReadingType", "IntervalBlock")
    assert tuple(payload.contents[kind] for kind in kinds) == facts.resources
    assert len(payload.readings) == facts.readings
    assert starts[0] == datetime.fromtimestamp(facts.first, UTC)
    assert starts[-1] == datetime.fromtimestamp(facts.last, UTC)
    assert (channel.espi_commodity, channel.uom, channel.flow_direction) == facts.key
    assert total(payload) == Decimal(facts.total)
    assert channel.measure is Measure.USAGE
    assert payload.looks_like_local_clock is facts.local_clock


@pytest.mark.parametrize("name", EVERY_FILE)
def test_streaming_a_sample_gives_the_same_as_reading_it_whole(samples: Path, name: str) -> None:
    content = (samples / f"{name}.xml").read_bytes()

    streamed = assemble(
        document.read_stream(content[at : at + 997] for at in range(0, len(content), 997))
    )

    assert streamed == espi.parse(content)


def test_the_exported_solar_day_is_received_and_nothing_is_delivered(samples: Path) -> None:
    payload = espi.parse(samples / "utilityapi-batch-reverse-flow.xml")

    assert [channel.direction for channel in payload.channels] == [Direction.RECEIVED]


def test_conflicting_links_are_resolved_by_self_path_with_both_warnings(samples: Path) -> None:
    payload = espi.parse(samples / "gba-forward-reverse-conflicting-links.xml")

    found = [
        (one.meter_reading, one.uom, one.flow_direction, one.measure, total(payload, number))
        for number, one in enumerate(payload.channels)
    ]
    assert found == [
        ("1", 72, 1, Measure.USAGE, Decimal(17_692)),
        ("2", 72, 19, Measure.USAGE, Decimal(21_021)),
        ("3", 38, 1, Measure.DEMAND, Decimal(8_300)),
    ]
    assert {"conflicting_links", "conflicting_reading_types"} <= codes(payload)
    assert payload.contents["ReadingType"] == 3


def test_readings_with_one_fractional_start_are_counted_but_get_no_time(samples: Path) -> None:
    payload = espi.parse(samples / "national-grid-ma-gas-cost-odd.xml")

    (channel,) = payload.channels
    assert len(payload.readings) == 0
    assert (channel.unusable_readings, channel.unusable_total) == (36, 2_651_000)
    assert channel.unit is Unit.UNKNOWN
    assert payload.contents["IntervalBlock"] == 36
    assert {"unusable_timestamps", "unknown_unit"} <= codes(payload)


@pytest.mark.parametrize(
    ("file", "quality"),
    [
        ("pge-electric-hourly-1day", 17),
        ("sce-bulk-usage", 14),
        ("sdge-download-hourly-2019-10", None),
    ],
)
def test_a_quality_is_the_readings_own_else_the_default(
    samples: Path, file: str, quality: int | None
) -> None:
    payload = espi.parse(samples / f"{file}.xml")

    assert set(payload.readings["quality"].to_pylist()) == {quality}


def test_the_97th_quarter_hour_outside_its_block_is_kept(samples: Path) -> None:
    payload = espi.parse(samples / "sce-bulk-usage.xml")

    last = payload.readings["start"].to_pylist()[-1]
    assert last == datetime(2015, 8, 14, 7, tzinfo=UTC)
    assert "doubtful_dst_rules" in codes(payload)


def test_a_gas_day_keeps_its_start_one_second_after_midnight(samples: Path) -> None:
    payload = espi.parse(samples / "pge-gas-daily-1day.xml")

    assert payload.readings["start"].to_pylist() == [datetime(2020, 5, 9, 7, 0, 1, tzinfo=UTC)]
    assert payload.channels[0].exponent == -8


def test_three_billing_periods_are_read_with_money_apart_from_energy(samples: Path) -> None:
    summaries = espi.parse_usage_summaries((samples / "pge-usage-summaries.xml").read_bytes())

    found = [
        (one.billing_start, one.billing_duration_s, one.bill_last_period, one.line_items)
        for one in summaries
    ]
    energy = [one.consumption.value * 10**-3 for one in summaries if one.consumption]
    assert found == [
        (1434006000, 2505600, 23364000, 5),
        (1431414000, 2592000, None, 0),
        (1430290800, 1123200, None, 0),
    ]
    assert energy == [146_000, 128_000, 55_000]
    assert {one.consumption.exponent for one in summaries if one.consumption} == {-3}
    assert (summaries[0].tariff, summaries[0].read_cycle) == ("HAG5A", "Q")
    assert summaries[0].status_at == 1440109957


def test_a_bill_of_another_utility_is_read_alike(samples: Path) -> None:
    (summary,) = espi.parse_usage_summaries((samples / "sce-bulk-usage.xml").read_bytes())

    assert (summary.bill_last_period, summary.bill_to_date) == (17418000, 13975000)
    assert summary.consumption is not None
    assert (summary.consumption.value, summary.consumption.exponent) == (1_152_000, 0)


def test_forty_eight_reading_types_are_read(samples: Path) -> None:
    types = espi.parse_reading_types((samples / "pge-reading-types.xml").read_bytes())

    assert len(types) == 48
    assert {one.uom for one in types} == {72, 73}
    assert {one.flow_direction for one in types} == {1, 19}
    assert {one.interval_s for one in types} == {300, 900, 3600}
    assert {one.phase for one in types} == {224, 769}
    assert {one.exponent for one in types} == {3}


def test_a_fragment_with_undeclared_prefixes_is_malformed(samples: Path) -> None:
    with pytest.raises(UnreadablePayload) as refusal:
        espi.parse(samples / "pge-usage-summary-not-wellformed.xml")

    assert refusal.value.code == "malformed_xml"


@pytest.mark.parametrize(
    ("file", "kind", "count"),
    [
        ("pge-usage-summaries", "UsageSummary", 3),
        ("pge-reading-types", "ReadingType", 48),
        ("pge-authorization", "Authorization", 1),
        ("pge-local-time-parameters", "LocalTimeParameters", 1),
        ("pge-retail-customer", "CustomerAgreement", 1),
        ("sce-bulk-retail-customer", "ServiceSupplier", 3),
        ("gba-application-information-entry", "ApplicationInformation", 1),
        ("gba-authorization-entry", "Authorization", 1),
        ("gba-authorization-feed", "Authorization", 2),
    ],
)
def test_a_file_without_readings_says_so_and_what_it_holds(
    samples: Path, file: str, kind: str, count: int
) -> None:
    payload = espi.parse(samples / f"{file}.xml")

    assert len(payload.readings) == 0
    assert payload.contents[kind] == count
    assert "no_interval_data" in codes(payload)
