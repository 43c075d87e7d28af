"""What one reading may look like, and that no number is ever made up or lost in silence."""

from __future__ import annotations

import pytest

from dcarbon.domain.errors import UnreadablePayload
from dcarbon.domain.flows import Commodity, Direction, Measure, Unit
from dcarbon.providers.columns import READINGS, ParsedPayload
from dcarbon.providers.green_button import espi
from tests.unit.providers.green_button.espi.writing import (
    START,
    block,
    feed,
    meter_reading,
    reading,
    reading_type,
    readings,
    usage_feed,
    usage_point,
)

READING_2 = "https://dc.example.test/espi/1_1/resource/Subscription/1/UsagePoint/7/MeterReading/2"


def codes(payload: ParsedPayload) -> set[str]:
    return {warning.code for warning in payload.warnings}


def column(payload: ParsedPayload, name: str) -> list[int | None]:
    values = payload.readings[name]
    found: list[int | None] = (values.cast("int64") if name == "start" else values).to_pylist()
    return found


def test_readings_have_the_columns_every_parser_yields() -> None:
    payload = espi.parse(usage_feed(block(readings([1, 2]))))

    assert payload.readings.schema == READINGS
    assert column(payload, "value") == [1, 2]


def test_a_channel_says_what_its_reading_type_says() -> None:
    payload = espi.parse(
        usage_feed(
            block(readings([5])), flowDirection=19, powerOfTenMultiplier=-3, defaultQuality=17
        )
    )

    (channel,) = payload.channels
    assert channel.usage_point == "7"
    assert channel.direction is Direction.RECEIVED
    assert (channel.unit, channel.commodity) == (Unit.WH, Commodity.ELECTRICITY)
    assert (channel.exponent, channel.interval_s, channel.meter_reading) == (-3, 900, "1")


def test_an_absent_value_is_absent_and_not_zero() -> None:
    payload = espi.parse(usage_feed(block(reading(None) + reading(0, START + 900))))

    assert column(payload, "value") == [0]
    assert "readings_without_value" in codes(payload)


@pytest.mark.parametrize("value", ["1_000", "1.5", "1e3", "0x10", "٣", "9" * 30])
def test_a_value_that_is_no_integer_in_range_is_left_out_with_a_warning(value: str) -> None:
    payload = espi.parse(usage_feed(block(reading(value) + reading(7, START + 900))))

    assert column(payload, "value") == [7]
    assert "value_not_integer" in codes(payload)


@pytest.mark.parametrize("text", [" 42 ", "+42", "042", "\n42\t"])
def test_an_integer_may_be_written_as_xml_schema_allows(text: str) -> None:
    payload = espi.parse(usage_feed(block(reading(text))))

    assert column(payload, "value") == [42]


def test_negative_values_of_a_net_channel_keep_their_sign() -> None:
    payload = espi.parse(usage_feed(block(readings([-5, 3])), flowDirection=4))

    assert column(payload, "value") == [-5, 3]
    assert payload.channels[0].direction is Direction.NET


@pytest.mark.parametrize(
    "start", ["1721154384.66136", "-5", "99999999999", "tomorrow", "", "1721154384661", "9" * 25]
)
def test_a_start_that_is_no_time_puts_the_reading_aside(start: str) -> None:
    payload = espi.parse(usage_feed(block(reading(12, start) + reading(7, START))))

    assert column(payload, "value") == [7]
    (channel,) = payload.channels
    assert (channel.unusable_readings, channel.unusable_total) == (1, 12)
    assert "unusable_timestamps" in codes(payload)


def test_different_values_at_one_and_the_same_start_have_lost_their_times() -> None:
    body = "".join(reading(value, START) for value in (1, 2, 3, 4))

    payload = espi.parse(usage_feed(block(body)))

    assert len(payload.readings) == 0
    assert payload.channels[0].unusable_readings == 4


def test_milliseconds_become_seconds() -> None:
    body = reading(1, START * 1000, 900_000) + reading(2, (START + 900) * 1000, 900_000)

    payload = espi.parse(usage_feed(block(body)))

    assert column(payload, "start") == [START, START + 900]
    assert column(payload, "duration_s") == [900, 900]
    assert "milliseconds" in codes(payload)


def test_a_missing_duration_is_taken_from_the_reading_type() -> None:
    payload = espi.parse(usage_feed(block(reading(1, START, None)), intervalLength=3600))

    assert column(payload, "duration_s") == [3600]
    assert "assumed_durations" in codes(payload)


def test_a_missing_duration_without_declared_length_puts_the_reading_aside() -> None:
    payload = espi.parse(usage_feed(block(reading(1, START, None)), intervalLength=None))

    assert len(payload.readings) == 0
    assert payload.channels[0].unusable_readings == 1


def test_one_second_offsets_and_odd_durations_are_kept_as_written() -> None:
    payload = espi.parse(usage_feed(block(reading(1, START + 1, 899))))

    assert column(payload, "start") == [START + 1]
    assert column(payload, "duration_s") == [899]


def test_newest_first_readings_come_out_sorted() -> None:
    body = reading(2, START + 900) + reading(1, START)

    payload = espi.parse(usage_feed(block(body)))

    assert column(payload, "value") == [1, 2]


def test_a_reading_stated_twice_alike_counts_once() -> None:
    payload = espi.parse(usage_feed(block(readings([1, 2])), block(readings([1, 2]))))

    assert column(payload, "value") == [1, 2]
    assert "duplicate_readings" in codes(payload)


@pytest.mark.parametrize("newest_first", [True, False])
def test_of_two_statements_of_one_reading_the_later_updated_counts(*, newest_first: bool) -> None:
    old = block(readings([1, 2]), updated="2026-02-01T00:00:00Z")
    new = block(readings([1, 9]), updated="2026-02-02T00:00:00+01:00")

    payload = espi.parse(usage_feed(*((new, old) if newest_first else (old, new))))

    assert column(payload, "value") == [1, 9]
    assert "conflicting_readings" in codes(payload)


def test_the_readings_own_quality_goes_before_the_default() -> None:
    body = reading(1, START, quality=8) + reading(2, START + 900)

    payload = espi.parse(usage_feed(block(body), defaultQuality=17))

    assert column(payload, "quality") == [8, 17]


def test_of_several_qualities_the_estimate_is_kept() -> None:
    frames = "".join(
        f"<ReadingQuality><quality>{code}</quality></ReadingQuality>" for code in (17, 9)
    )
    body = reading(1).replace("<timePeriod>", f"{frames}<timePeriod>")

    payload = espi.parse(usage_feed(block(body)))

    assert column(payload, "quality") == [9]


def test_a_cost_is_never_taken_for_energy() -> None:
    cost = "<cost>999</cost>"
    body = reading(1).replace("<timePeriod>", f"{cost}<timePeriod>") + reading(None, START + 900)
    costs_only = body.replace("</IntervalReading>", f"{cost}</IntervalReading>")

    payload = espi.parse(usage_feed(block(costs_only.replace(cost + cost, cost))))

    assert column(payload, "value") == [1]


@pytest.mark.parametrize(
    "wrong",
    [
        "<value>12</value><value>34</value>",
        "<value>12</value><value>12</value>",
        "<value>12<b/>34</value>",
    ],
)
def test_a_reading_with_two_values_or_markup_in_one_is_refused(wrong: str) -> None:
    body = reading(1).replace("<value>1</value>", wrong) + reading(None, START + 900)

    with pytest.raises(UnreadablePayload) as refusal:
        espi.parse(usage_feed(block(body)))

    assert refusal.value.code == "ambiguous_reading"


def test_a_reading_with_two_periods_is_refused() -> None:
    period = f"<timePeriod><duration>900</duration><start>{START}</start></timePeriod>"

    with pytest.raises(UnreadablePayload) as refusal:
        espi.parse(usage_feed(block(reading(1).replace(period, period * 2))))

    assert refusal.value.code == "ambiguous_reading"


def test_a_value_that_moved_to_the_neighbour_is_seen_although_the_counts_agree() -> None:
    """Counting elements per block is not enough: two values here and none there add up."""
    doubled = reading(1, START).replace("</value>", "</value><value>2</value>")

    with pytest.raises(UnreadablePayload):
        espi.parse(usage_feed(block(doubled + reading(None, START + 900))))


def test_comments_instructions_and_cdata_do_not_shorten_a_value() -> None:
    body = (
        reading("<![CDATA[123]]>", START)
        + reading("1<!-- half -->2", START + 900)
        + reading("4<?x y?>5", START + 1800)
    )

    payload = espi.parse(usage_feed(block(body)))

    assert column(payload, "value") == [123, 12, 45]


def test_usage_labelled_as_a_register_is_recognised_with_a_warning() -> None:
    values = [5, 3, 8, 1, 9, 2]

    payload = espi.parse(usage_feed(block(readings(values)), accumulationBehaviour=1))

    assert payload.channels[0].measure is Measure.USAGE
    assert "register_label_on_usage" in codes(payload)


@pytest.mark.parametrize("values", [[5, 6, 9, 9, 12], [98, 99, 1, 2, 3], [7]])
def test_a_register_stays_a_register_even_when_it_rolls_over(values: list[int]) -> None:
    payload = espi.parse(usage_feed(block(readings(values)), accumulationBehaviour=1))

    assert payload.channels[0].measure is Measure.REGISTER


@pytest.mark.parametrize(
    ("said", "measure"),
    [
        ({"uom": 38}, Measure.DEMAND),
        ({"kind": 37}, Measure.DEMAND),
        ({"accumulationBehaviour": 3}, Measure.REGISTER),
        ({"dataQualifier": 8}, Measure.OTHER),
        ({"accumulationBehaviour": None}, Measure.USAGE),
    ],
)
def test_only_interval_usage_may_be_summed(said: dict[str, object], measure: Measure) -> None:
    payload = espi.parse(usage_feed(block(readings([5, 1])), **said))

    assert payload.channels[0].measure is measure


def test_meter_readings_of_the_same_kind_share_a_channel() -> None:
    document = feed(
        usage_point(),
        meter_reading(),
        meter_reading(READING_2),
        reading_type(),
        block(readings([1])),
        block(readings([2], START + 900), f"{READING_2}/IntervalBlock/1"),
    )

    payload = espi.parse(document)

    assert len(payload.channels) == 1
    assert column(payload, "value") == [1, 2]
    assert payload.contents["MeterReading"] == 2


@pytest.mark.parametrize(
    "other",
    [{"flowDirection": 19}, {"uom": 73}, {"powerOfTenMultiplier": 3}, {"intervalLength": 3600},
     {"phase": 128}, {"dataQualifier": 8}, {"tou": 2}],
    ids=str,
)  # fmt: skip
def test_meter_readings_of_different_kinds_are_never_merged(other: dict[str, object]) -> None:
    document = feed(
        usage_point(),
        meter_reading(),
        meter_reading(READING_2, "ReadingType/2"),
        reading_type(),
        reading_type("ReadingType/2", **other),
        block(readings([1])),
        block(readings([2]), f"{READING_2}/IntervalBlock/1"),
    )

    payload = espi.parse(document)

    assert column(payload, "channel") == [0, 1]
    assert column(payload, "value") == [1, 2]


@pytest.mark.parametrize("multiplier", ["99999999", "x", "-400"])
def test_an_absurd_multiplier_leaves_no_unit(multiplier: str) -> None:
    payload = espi.parse(usage_feed(block(readings([1])), powerOfTenMultiplier=multiplier))

    (channel,) = payload.channels
    assert (channel.unit, channel.exponent) == (Unit.UNKNOWN, 0)


def test_unknown_codes_are_kept_and_crash_nothing() -> None:
    payload = espi.parse(
        usage_feed(block(reading(1, quality=19)), kind=58, uom=9999, flowDirection=77, commodity=99)
    )

    (channel,) = payload.channels
    assert (channel.unit, channel.direction) == (Unit.OTHER, Direction.OTHER)
    assert column(payload, "quality") == [19]


@pytest.mark.parametrize(("offset", "expected"), [("-28800", True), ("0", True), (None, False)])
def test_days_from_midnight_utc_far_from_utc_look_like_local_clock(
    *, offset: str | None, expected: bool
) -> None:
    point = "User/1/UsagePoint/7"
    parameters = (
        ""
        if offset is None
        else (
            '<entry><content><LocalTimeParameters xmlns="http://naesb.org/espi">'
            f"<tzOffset>{offset}</tzOffset></LocalTimeParameters></content></entry>"
        )
    )
    day = block(
        readings([1] * 24, step=3600),
        f"{point}/MeterReading/1/IntervalBlock/1",
        interval=(START, 86_400),
    )

    payload = espi.parse(feed(usage_point(point), parameters, day))

    assert payload.looks_like_local_clock is expected
    assert payload.utc_offset_s == (None if offset is None else int(offset))
