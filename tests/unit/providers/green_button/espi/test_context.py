"""A document that is one of many: others give it meaning, and nothing of theirs is returned."""

from __future__ import annotations

import pytest

from dcarbon.domain.flows import Commodity, Direction, Unit
from dcarbon.providers.columns import ParsedPayload
from dcarbon.providers.green_button import espi
from tests.unit.providers.green_button.espi.writing import (
    BASE,
    POINT,
    READING,
    START,
    block,
    element,
    entry,
    feed,
    meter_reading,
    reading_type,
    readings,
    usage_feed,
    usage_point,
)

BLOCKS = feed(block(readings([1, 2])))
LOCAL_TIME = feed(entry(element("LocalTimeParameters", tzOffset=-28800), f"{BASE}/Local/1"))
POINTS = feed(usage_point(), usage_point(f"{POINT}0"))
READINGS = feed(meter_reading(), meter_reading(f"{POINT}/MeterReading/2", "ReadingType/2"))
TYPES = feed(reading_type(powerOfTenMultiplier=-3), reading_type("ReadingType/2", flowDirection=19))
CONTEXT = (POINTS, READINGS, TYPES, LOCAL_TIME)


def _codes(payload: ParsedPayload) -> set[str]:
    return {warning.code for warning in payload.warnings}


def test_blocks_alone_have_no_unit_and_with_their_context_they_do() -> None:
    alone, together = espi.parse(BLOCKS), espi.parse(BLOCKS, context=CONTEXT)

    assert alone.channels[0].unit is Unit.UNKNOWN
    (channel,) = together.channels
    assert (channel.unit, channel.exponent, channel.direction) == (
        Unit.WH,
        -3,
        Direction.DELIVERED,
    )
    assert together.readings["value"].to_pylist() == [1, 2]
    assert together.utc_offset_s == -28800
    assert together.warnings == ()


@pytest.mark.parametrize("reverse", [False, True])
def test_together_with_its_context_a_document_says_what_one_document_would(
    *, reverse: bool
) -> None:
    whole = espi.parse(
        feed(
            usage_point(),
            meter_reading(),
            reading_type(powerOfTenMultiplier=-3),
            block(readings([1, 2])),
        )
    )
    context = tuple(reversed(CONTEXT)) if reverse else CONTEXT

    parts = espi.parse(BLOCKS, context=context)

    assert (parts.channels, parts.meters) == (whole.channels, whole.meters)
    assert parts.readings.equals(whole.readings)


def test_only_meters_the_readings_belong_to_are_returned() -> None:
    payload = espi.parse(BLOCKS, context=CONTEXT)

    assert [(meter.external_id, meter.commodity) for meter in payload.meters] == [
        ("7", Commodity.ELECTRICITY)
    ]
    assert payload.contents == {"IntervalBlock": 1, "UsagePoint": 1, "MeterReading": 1}


def test_meters_the_document_names_itself_are_returned_with_or_without_readings() -> None:
    payload = espi.parse(feed(usage_point(f"{POINT}0"), block(readings([1]))), context=CONTEXT)

    assert {meter.external_id for meter in payload.meters} == {"7", "70"}


def test_readings_of_the_context_are_not_returned() -> None:
    payload = espi.parse(BLOCKS, context=[usage_feed(block(readings([7, 8, 9], START + 86_400)))])

    assert payload.readings["value"].to_pylist() == [1, 2]
    assert payload.contents["IntervalBlock"] == 1


def test_meter_readings_with_a_context_have_channels_without_readings() -> None:
    payload = espi.parse(READINGS, context=(POINTS, TYPES))

    assert [channel.direction for channel in payload.channels] == [
        Direction.DELIVERED,
        Direction.RECEIVED,
    ]
    assert len(payload.readings) == 0


def test_what_the_document_states_itself_counts() -> None:
    source = usage_feed(block(readings([1])), powerOfTenMultiplier=3)

    payload = espi.parse(source, context=CONTEXT)

    assert payload == espi.parse(source, context=[LOCAL_TIME])
    assert payload.channels[0].exponent == 3
    assert payload.warnings == ()


def test_a_larger_context_does_not_hide_the_only_resource_of_a_document() -> None:
    """The reading type is found because the document has no other; a context has several."""
    source = feed(
        usage_point(),
        meter_reading(reading_type="ReadingType/elsewhere"),
        reading_type("ReadingType/9", powerOfTenMultiplier=2),
        block(readings([1])),
    )

    assert espi.parse(source, context=[TYPES]).channels == espi.parse(source).channels


def test_resources_without_address_are_not_taken_for_those_of_the_context() -> None:
    nameless = feed(entry(element("UsagePoint", status=1)))
    other = feed(entry(element("UsagePoint", status=0)))

    payload = espi.parse(nameless, context=[other])

    assert payload.meters == espi.parse(nameless).meters


def test_a_context_that_cannot_be_read_is_left_out_with_a_warning() -> None:
    payload = espi.parse(BLOCKS, context=[b"<feed", POINTS, READINGS, TYPES])

    assert _codes(payload) == {"unreadable_context"}
    assert payload.channels[0].unit is Unit.WH


def test_contradicting_context_documents_are_noted_and_the_fitting_type_is_taken() -> None:
    other = feed(reading_type(powerOfTenMultiplier=0, intervalLength=3600))

    payload = espi.parse(BLOCKS, context=[other, *CONTEXT])

    assert payload.channels[0].exponent == -3
    assert _codes(payload) == {"conflicting_reading_types"}
    assert payload.channels[0].meter_reading == READING.rpartition("/")[2]
