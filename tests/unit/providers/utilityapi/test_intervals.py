"""Interval pages to columns: exact numbers, a channel per view of the energy, nothing added up."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcarbon.domain.errors import UnreadablePayload
from dcarbon.domain.flows import Commodity, Direction, Measure, Unit
from dcarbon.providers.columns import READINGS, ChannelFacts, ParsedPayload
from dcarbon.providers.utilityapi.parse import parse_intervals

ZONE = ZoneInfo("America/Los_Angeles")
QUARTER = timedelta(minutes=15)


def point(kind: str | None, value: object, unit: str | None = "kwh") -> dict[str, Any]:
    return {"type": kind, "unit": unit, "value": value, "meter_number": "1012993344"}


def reading(start: datetime, *points: dict[str, Any], **more: Any) -> dict[str, Any]:
    end = (start.astimezone(UTC) + QUARTER).astimezone(ZONE)
    local = start.astimezone(ZONE)
    return {
        "start": local.isoformat(timespec="microseconds"),
        "end": end.isoformat(timespec="microseconds"),
        "datapoints": list(points),
        **more,
    }


def interval(*readings: Any, **more: Any) -> dict[str, Any]:
    base = {"meter_numbers": ["1012993344"], "qualities": [], "service_tariff": "E-ELEC"}
    return {"uid": "x", "meter_uid": "8812014", "base": base, "readings": list(readings)} | more


def page(*intervals: Any) -> bytes:
    return json.dumps({"intervals": list(intervals), "next": None}).encode()


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2025, 11, 1, hour, minute, tzinfo=ZONE)


def rows(parsed: ParsedPayload, direction: Direction) -> list[tuple[datetime, int]]:
    """Return start and value of one direction's usage readings."""
    (place,) = [
        index
        for index, channel in enumerate(parsed.channels)
        if channel.direction is direction and channel.measure is Measure.USAGE
    ]
    columns = parsed.readings.to_pydict()
    triples = zip(columns["channel"], columns["start"], columns["value"], strict=True)
    return [(start, value) for channel, start, value in triples if channel == place]


def test_each_view_of_the_energy_is_a_channel_of_its_own() -> None:
    readings = [
        reading(at(1), point("net", 0.131), point("fwd", 0.131), point("max", 0.524, "kw")),
        reading(at(2), point("net", -0.02), point("rev", 0.02)),
    ]

    parsed = parse_intervals(page(interval(*readings)))

    def channel(direction: Direction, unit: Unit, measure: Measure) -> ChannelFacts:
        return ChannelFacts("8812014", direction, unit, Commodity.ELECTRICITY, measure, -3)

    assert set(parsed.channels) == {
        channel(Direction.DELIVERED, Unit.WH, Measure.USAGE),
        channel(Direction.RECEIVED, Unit.WH, Measure.USAGE),
        channel(Direction.NET, Unit.WH, Measure.USAGE),
        channel(Direction.UNKNOWN, Unit.W, Measure.DEMAND),
    }
    assert rows(parsed, Direction.DELIVERED) == [(at(1), 131_000)]
    assert rows(parsed, Direction.RECEIVED) == [(at(2), 20_000)]
    assert rows(parsed, Direction.NET) == [(at(1), 131_000), (at(2), -20_000)]
    assert parsed.readings.schema == READINGS
    assert parsed.warnings == ()


def test_the_meter_is_described_by_the_interval() -> None:
    base = {
        "service_identifier": "4410077731",
        "service_tariff": "E-ELEC",
        "service_address": "48 Juniper Ct",
        "meter_numbers": ["1012993344"],
        "billing_account": "7755001122-3",
    }

    (meter,) = parse_intervals(page(interval(reading(at(1)), base=base))).meters

    assert (meter.external_id, meter.meter_numbers) == ("8812014", ("1012993344",))
    assert (meter.agreement_id, meter.account_id) == ("4410077731", "7755001122-3")
    assert (meter.service_address, meter.tariff) == ("48 Juniper Ct", "E-ELEC")


def test_newest_first_readings_come_out_by_time() -> None:
    starts = [at(hour) for hour in (5, 4, 3, 2, 1)]

    parsed = parse_intervals(page(interval(*(reading(s, point("fwd", 1)) for s in starts))))

    assert [start for start, _ in rows(parsed, Direction.DELIVERED)] == sorted(starts)


@pytest.mark.parametrize(
    ("day", "quarters"),
    [((2025, 11, 2), 100), ((2026, 3, 8), 92), ((2026, 1, 15), 96)],
    ids=["fall_back", "spring_forward", "ordinary"],
)
def test_a_local_day_keeps_every_instant_across_the_clock_change(
    day: tuple[int, int, int], quarters: int
) -> None:
    first = datetime(*day, tzinfo=ZONE).astimezone(UTC)
    last = (datetime(*day, tzinfo=ZONE) + timedelta(days=1)).astimezone(UTC)
    starts = [first + QUARTER * n for n in range((last - first) // QUARTER)]

    parsed = parse_intervals(
        page(interval(*(reading(s, point("fwd", 0.1)) for s in reversed(starts))))
    )

    found = [start for start, _ in rows(parsed, Direction.DELIVERED)]
    assert found == starts
    assert len(found) == quarters
    assert set(parsed.readings["duration_s"].to_pylist()) == {900}


def test_missing_readings_stay_missing() -> None:
    starts = [at(1), at(1, 15), at(8), at(8, 15)]

    parsed = parse_intervals(page(interval(*(reading(s, point("rev", 0)) for s in starts))))

    assert [start for start, _ in rows(parsed, Direction.RECEIVED)] == starts


@pytest.mark.parametrize("datapoints", [[], None, "absent"])
def test_without_datapoints_kwh_counts_as_net(datapoints: object) -> None:
    one = reading(at(1), kwh=-0.25)
    one["datapoints"] = datapoints
    if datapoints == "absent":
        del one["datapoints"]

    parsed = parse_intervals(page(interval(one)))

    assert rows(parsed, Direction.NET) == [(at(1), -250_000)]


def test_with_an_energy_datapoint_kwh_counts_for_nothing() -> None:
    parsed = parse_intervals(page(interval(reading(at(1), point("fwd", 0.5), kwh=0.5))))

    assert [channel.direction for channel in parsed.channels] == [Direction.DELIVERED]
    assert parsed.readings.num_rows == 1


def test_with_only_a_demand_datapoint_kwh_counts_as_net() -> None:
    parsed = parse_intervals(page(interval(reading(at(1), point("max", 2, "kw"), kwh=0.5))))

    assert rows(parsed, Direction.NET) == [(at(1), 500_000)]
    assert len(parsed.channels) == 2


def test_readings_with_and_without_datapoints_share_the_net_channel() -> None:
    parsed = parse_intervals(
        page(interval(reading(at(2), point("net", 0.2)), reading(at(1), kwh=0.1)))
    )

    assert rows(parsed, Direction.NET) == [(at(1), 100_000), (at(2), 200_000)]


def test_a_null_value_is_no_reading_and_never_zero() -> None:
    parsed = parse_intervals(
        page(interval(reading(at(1), point("fwd", None), kwh=None), reading(at(2))))
    )

    assert parsed.readings.num_rows == 0
    assert parsed.channels == ()
    assert [warning.code for warning in parsed.warnings] == ["reading_without_value"]
    assert parsed.warnings[0].message.startswith("2 ")


@pytest.mark.parametrize(
    ("unit", "value", "expected", "commodity"),
    [
        ("therms", 1.25, (Unit.THERM, 1_250_000, -6), Commodity.GAS),
        ("ccf", 1.5, (Unit.FT3, 1_500_000, -4), Commodity.GAS),
        ("HCF", 1.5, (Unit.FT3, 1_500_000, -4), Commodity.GAS),
        ("mcf", 1.5, (Unit.FT3, 1_500_000, -3), Commodity.GAS),
        ("gallons", 748.05, (Unit.US_GALLON, 748_050_000, -6), Commodity.WATER),
        ("m3", 2, (Unit.M3, 2_000_000, -6), Commodity.GAS),
        ("kvarh", 0.1, (Unit.VARH, 100_000, -3), Commodity.ELECTRICITY),
    ],
)
def test_gas_and_water_keep_their_own_unit(
    unit: str, value: float, expected: tuple[Unit, int, int], commodity: Commodity
) -> None:
    base = {"service_class": "res-gas"}

    parsed = parse_intervals(
        page(interval(reading(at(1), point("fwd", value, unit), kwh=None), base=base))
    )

    (channel,) = parsed.channels
    (number,) = parsed.readings["value"].to_pylist()
    assert (channel.unit, number, channel.exponent) == expected
    assert channel.commodity is commodity
    assert channel.measure is Measure.USAGE


@pytest.mark.parametrize(
    ("kind", "unit"),
    [("quantum", "kwh"), ("fwd", "percent"), ("fwd", "currency"), (None, "kwh"), ("net", None)],
)
def test_an_unknown_datapoint_is_left_out_and_said_so(kind: str | None, unit: str | None) -> None:
    parsed = parse_intervals(page(interval(reading(at(1), point(kind, 5, unit), point("fwd", 1)))))

    assert [channel.direction for channel in parsed.channels] == [Direction.DELIVERED]
    assert [warning.code for warning in parsed.warnings] == ["unknown_datapoint"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_of_overlapping_chunks_the_one_updated_last_wins(order: tuple[int, ...]) -> None:
    chunks = [
        interval(reading(at(1), point("fwd", 0.1)), reading(at(2), point("fwd", 0.2))),
        interval(reading(at(1), point("fwd", 0.9)), updated="2025-11-05T00:00:00.000000+00:00"),
        interval(reading(at(1), point("fwd", 0.5)), updated="2025-11-04T23:00:00.000000-02:00"),
    ]

    parsed = parse_intervals(page(*(chunks[place] for place in order)))

    # 23:00 at -02:00 is later than midnight UTC; no time at all is earliest.
    assert rows(parsed, Direction.DELIVERED) == [(at(1), 500_000), (at(2), 200_000)]


def test_readings_of_other_length_at_the_same_start_are_both_kept() -> None:
    hour = reading(at(1), point("fwd", 4))
    hour["end"] = at(2).isoformat()
    quarter = reading(at(1), point("fwd", 1))

    parsed = parse_intervals(page(interval(hour, quarter, hour)))

    assert parsed.readings["duration_s"].to_pylist() == [900, 3600]
    assert parsed.readings["value"].to_pylist() == [1_000_000, 4_000_000]


def test_meters_of_one_page_are_kept_apart() -> None:
    parsed = parse_intervals(
        page(
            interval(reading(at(1), point("fwd", 1)), meter_uid="a"),
            interval(reading(at(1), point("fwd", 2)), meter_uid=17),
        )
    )

    assert [meter.external_id for meter in parsed.meters] == ["a", "17"]
    assert [channel.usage_point for channel in parsed.channels] == ["a", "17"]
    assert parsed.readings["value"].to_pylist() == [1_000_000, 2_000_000]


@pytest.mark.parametrize(
    ("qualities", "code"),
    [
        (["revenue"], 19),
        (["revenue", "estimated"], 8),
        (["unheard_of"], None),
        ([], None),
        (None, None),
        ("revenue", None),
    ],
)
def test_the_quality_is_kept_where_it_is_said(qualities: object, code: int | None) -> None:
    base = {"qualities": qualities}

    parsed = parse_intervals(page(interval(reading(at(1), point("fwd", 1)), base=base)))

    assert parsed.readings["quality"].to_pylist() == [code]


@given(st.decimals(min_value=-1_000_000, max_value=1_000_000, places=6))
def test_a_printed_number_is_kept_to_its_last_digit(printed: Decimal) -> None:
    body = page(interval(reading(at(1), point("fwd", "VALUE")))).replace(
        b'"VALUE"', f"{printed:f}".encode()
    )

    (value,) = parse_intervals(body).readings["value"].to_pylist()

    assert Decimal(value).scaleb(-6) == printed


def test_the_end_may_be_printed_as_the_last_microsecond() -> None:
    one = reading(at(1), point("fwd", 1))
    one["end"] = "2025-11-01T01:14:59.999999-07:00"

    assert parse_intervals(page(interval(one))).readings["duration_s"].to_pylist() == [900]


def test_a_reading_that_ends_before_it_begins_is_left_out_and_said_so() -> None:
    wrong = reading(at(1), point("fwd", 1))
    wrong["start"], wrong["end"] = wrong["end"], wrong["start"]
    empty = reading(at(3), point("fwd", 1))
    empty["end"] = empty["start"]

    parsed = parse_intervals(page(interval(wrong, empty, reading(at(2), point("fwd", 2)))))

    assert rows(parsed, Direction.DELIVERED) == [(at(2), 2_000_000)]
    assert [warning.code for warning in parsed.warnings] == ["impossible_duration"]


@pytest.mark.parametrize(
    "body",
    [
        {"intervals": []},
        {"intervals": [interval(readings=None)]},
        {"intervals": [interval()], "next": "x", "is_incomplete": True, "extra": {"a": [1]}},
        {"intervals": [interval(base=None, notes=[{"msg": 1}], blocks="x")]},
        {"intervals": [interval(base=["a", "list"])]},
    ],
)
def test_a_page_without_readings_is_an_empty_payload(body: dict[str, Any]) -> None:
    parsed = parse_intervals(json.dumps(body).encode())

    assert parsed.readings.num_rows == 0
    assert parsed.readings.schema == READINGS
    assert parsed.channels == ()


def test_a_byte_order_mark_is_no_obstacle() -> None:
    parsed = parse_intervals(b"\xef\xbb\xbf" + page(interval(reading(at(1), point("fwd", 1)))))

    assert parsed.readings.num_rows == 1


def changed(**members: Any) -> bytes:
    return page(interval(reading(at(2), point("fwd", 2)), {**reading(at(1)), **members}))


@pytest.mark.parametrize(
    ("content", "path"),
    [
        (b"[]", "$"),
        (b"null", "$"),
        (b'"text"', "$"),
        (b"{}", "$"),
        (b'{"intervals": null}', "$.intervals"),
        (b'{"intervals": {}}', "$.intervals"),
        (b'{"intervals": [null]}', "$.intervals[0]"),
        (b'{"intervals": [{}]}', "$.intervals[0]"),
        (page(interval(meter_uid=None)), "$.intervals[0].meter_uid"),
        (page(interval(meter_uid=[1])), "$.intervals[0].meter_uid"),
        (page(interval(readings="s3cret")), "$.intervals[0].readings"),
        (changed(start=None), "$.intervals[0].readings[1].start"),
        (changed(start=1762066800), "$.intervals[0].readings[1].start"),
        (changed(start="s3cret"), "$.intervals[0].readings[1].start"),
        (changed(start=""), "$.intervals[0].readings[1].start"),
        (changed(start="2025-11-01T01:00:00"), "$.intervals[0].readings[1].start"),
        (changed(start="2025-13-01T01:00:00+00:00"), "$.intervals[0].readings[1].start"),
        (changed(end="2025-11-01"), "$.intervals[0].readings[1].end"),
        (changed(kwh="s3cret"), "$.intervals[0].readings[1].kwh"),
        (changed(kwh=True), "$.intervals[0].readings[1].kwh"),
        (changed(datapoints={}), "$.intervals[0].readings[1].datapoints"),
        (changed(datapoints=[None]), "$.intervals[0].readings[1].datapoints[0]"),
        (
            changed(datapoints=[point("fwd", "1.5")]),
            "$.intervals[0].readings[1].datapoints[0].value",
        ),
        (changed(datapoints=[point("fwd", 1, 5)]), "$.intervals[0].readings[1].datapoints[0].unit"),  # type: ignore[arg-type]
        (changed(datapoints=[point("fwd", 1e12)]), "$.intervals[0].readings[1].datapoints"),
        (changed(datapoints=[point("fwd", 10**40)]), "$.intervals[0].readings[1].datapoints"),
        (
            changed(kwh="NUMBER").replace(b'"NUMBER"', b"1e999"),
            "$.intervals[0].readings[1].kwh",
        ),
    ],
)
def test_an_unexpected_member_is_named_and_its_value_is_not(content: bytes, path: str) -> None:
    with pytest.raises(UnreadablePayload) as caught:
        parse_intervals(content)

    assert caught.value.code == "unexpected_json"
    assert str(caught.value) == f"unexpected member at {path}"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" ",
        b"<html>Service Unavailable</html>",
        page(interval(reading(at(1), point("fwd", 1))))[:-30],
        page() + b"}",
        b'{"intervals": [], "x": NaN}',
        b"\xff\xfe{\x00}\x00",
        page(interval(reading(at(1)))).replace(b"2025", b"\xff025", 1),
        b'{"x":' + b"[" * 10_000_000,
        b'{"intervals":[{"meter_uid":"1","base":' + b'{"a":' * 2_000_000,
        b'{"intervals":' + b"[" * 10_000_000,
    ],
    ids=[
        "empty",
        "blank",
        "html",
        "truncated",
        "trailing",
        "nan",
        "utf16",
        "not_utf8",
        "nested",
        "nested_base",
        "nested_where_objects_belong",
    ],
)
def test_what_is_not_json_says_only_that(content: bytes) -> None:
    with pytest.raises(UnreadablePayload) as caught:
        parse_intervals(content)

    assert caught.value.code in {"malformed_json", "unexpected_json"}
    assert len(str(caught.value)) < 100


def test_every_cut_of_a_page_is_refused_or_read_rightly() -> None:
    whole = page(interval(reading(at(1), point("fwd", 0.131), point("net", 0.131))))

    for length in range(len(whole)):
        with pytest.raises(UnreadablePayload):
            parse_intervals(whole[:length])
