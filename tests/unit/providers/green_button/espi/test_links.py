"""Blocks find their meter reading, type and usage point by links, whatever the order and shape."""

from __future__ import annotations

import pytest

from dcarbon.domain.flows import Commodity, Direction, Unit
from dcarbon.providers.green_button import espi
from dcarbon.providers.green_button.espi.links import resource_path
from dcarbon.providers.green_button.espi.usage import reading_type_from_id
from tests.unit.providers.green_button.espi.writing import (
    BASE,
    ESPI,
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
    usage_point,
)


@pytest.mark.parametrize(
    "href",
    [
        "https://a.example/x/espi/1_1/resource/Subscription/1/UsagePoint/7/",
        "http://other.example/Subscription/1/UsagePoint/7?published-min=1#top",
        "/espi/1_1/resource/Subscription/1/UsagePoint/7",
        "  Subscription/1/UsagePoint/7 ",
        "//host/Subscription//1/UsagePoint/7",
    ],
)
def test_hrefs_of_one_resource_are_the_same_path(href: str) -> None:
    assert resource_path(href) == "Subscription/1/UsagePoint/7"


def test_paths_are_compared_with_their_case() -> None:
    assert resource_path("UsagePoint/a") != resource_path("UsagePoint/A")


@pytest.mark.parametrize("reverse", [True, False])
def test_entries_may_come_in_any_order(*, reverse: bool) -> None:
    entries = [usage_point(), meter_reading(), reading_type(), block(readings([1]))]

    payload = espi.parse(feed(*(reversed(entries) if reverse else entries)))

    (channel,) = payload.channels
    assert (channel.usage_point, channel.unit) == ("7", Unit.WH)


def test_a_block_without_self_is_found_by_its_up_link() -> None:
    other = meter_reading(f"{POINT}/MeterReading/2", "ReadingType/2")
    stray = block(readings([1]), None, up=f"{POINT}/MeterReading/2/IntervalBlock")

    payload = espi.parse(
        feed(usage_point(), meter_reading(), other, reading_type(),
             reading_type("ReadingType/2", flowDirection=19), stray)
    )  # fmt: skip

    assert payload.readings["channel"].to_pylist() == [0]
    assert payload.channels[0].direction is Direction.RECEIVED


def test_a_meter_reading_may_refer_to_the_block_itself() -> None:
    href = "https://dc.example.test/v1/Block/1"
    first = entry(element("MeterReading"), READING, related=[href, f"{BASE}/ReadingType/1"])
    second = meter_reading(f"{POINT}/MeterReading/2", "ReadingType/2")

    payload = espi.parse(
        feed(usage_point(), first, second, reading_type(),
             reading_type("ReadingType/2", flowDirection=19), block(readings([1]), href))
    )  # fmt: skip

    number = payload.readings["channel"].to_pylist()[0]
    assert payload.channels[number].direction is Direction.DELIVERED


def test_the_only_meter_reading_takes_blocks_without_links() -> None:
    payload = espi.parse(
        feed(usage_point(), meter_reading(), reading_type(), block(readings([1]), None))
    )

    assert [channel.usage_point for channel in payload.channels] == ["7"]


def test_a_block_of_another_usage_point_is_not_added_to_the_only_one() -> None:
    foreign = block(
        readings([5]), f"{BASE}/Subscription/1/UsagePoint/8/MeterReading/1/IntervalBlock/1"
    )

    payload = espi.parse(
        feed(usage_point(), meter_reading(), reading_type(), block(readings([1])), foreign)
    )

    assert {channel.usage_point for channel in payload.channels} == {"7", "8"}
    assert sorted(payload.readings["channel"].to_pylist()) == [0, 1]


def test_blocks_alone_get_the_points_and_readings_their_paths_name() -> None:
    payload = espi.parse(
        feed(block(readings([1])), block(readings([2]), f"{POINT}/MeterReading/19/IntervalBlock/1"))
    )

    assert [channel.meter_reading for channel in payload.channels] == ["1", "19"]
    assert {channel.usage_point for channel in payload.channels} == {"7"}
    assert {channel.unit for channel in payload.channels} == {Unit.UNKNOWN}
    assert [meter.external_id for meter in payload.meters] == ["7"]
    assert payload.contents["UsagePoint"] == 1


def test_blocks_without_any_link_are_one_anonymous_series() -> None:
    payload = espi.parse(feed(block(readings([1]), None), block(readings([2], START + 900), None)))

    (channel,) = payload.channels
    assert (channel.usage_point, channel.meter_reading) == ("", None)
    assert payload.readings["value"].to_pylist() == [1, 2]


def test_a_bare_interval_block_is_read_too() -> None:
    content = f'<IntervalBlock xmlns="{ESPI}">{readings([1, 2])}</IntervalBlock>'.encode()

    payload = espi.parse(content)

    assert payload.readings["value"].to_pylist() == [1, 2]


def test_a_reading_type_may_be_nested_in_its_meter_reading() -> None:
    kind = "<ReadingType><uom>72</uom><flowDirection>19</flowDirection></ReadingType>"
    nested = f'<MeterReading xmlns="{ESPI}">{kind}</MeterReading>'

    payload = espi.parse(feed(usage_point(), entry(nested, READING), block(readings([1]))))

    assert payload.channels[0].direction is Direction.RECEIVED


def test_pge_ids_name_direction_and_length_but_never_a_scale() -> None:
    reading = f"{POINT}/MeterReading/TVRZNU9tNTFiR3c2T0RZME1EQTZNUT09OjE="

    payload = espi.parse(feed(block(readings([1]), f"{reading}/IntervalBlock/1")))

    (channel,) = payload.channels
    assert (channel.direction, channel.interval_s) == (Direction.DELIVERED, 86_400)
    assert channel.unit is Unit.UNKNOWN


@pytest.mark.parametrize("identifier", ["1", "", "NzI6bnVsbDozNjAwOjE", "////", "MTox", "é"])
def test_other_ids_say_nothing(identifier: str) -> None:
    assert reading_type_from_id(identifier) is None


def test_numbered_points_of_several_users_stay_apart() -> None:
    points = [f"{BASE}/User/{user}/UsagePoint/01" for user in (1, 2)]
    blocks = [block(readings([1]), f"{point}/MeterReading/1/IntervalBlock/1") for point in points]

    payload = espi.parse(feed(*map(usage_point, points), *blocks))

    assert [meter.external_id for meter in payload.meters] == [
        "User/1/UsagePoint/01",
        "User/2/UsagePoint/01",
    ]
    assert len(payload.channels) == 2


def test_a_group_of_entries_stated_twice_is_stated_once() -> None:
    group = (usage_point(), meter_reading(), reading_type())

    payload = espi.parse(feed(*group, *group, block(readings([1]))))

    assert (payload.contents["UsagePoint"], payload.contents["MeterReading"]) == (1, 1)
    assert len(payload.channels) == 1
    assert not [one for one in payload.warnings if one.code.startswith("conflicting")]


def test_a_declared_meter_reading_without_blocks_is_an_empty_channel() -> None:
    payload = espi.parse(feed(usage_point(), meter_reading(), reading_type()))

    assert len(payload.channels) == 1
    assert len(payload.readings) == 0


def test_the_service_category_gives_the_commodity_where_the_type_does_not() -> None:
    gas = usage_point().replace("<kind>0</kind>", "<kind>1</kind>")

    payload = espi.parse(
        feed(gas, meter_reading(), reading_type(commodity=None, uom=169), block(readings([1])))
    )

    assert payload.channels[0].commodity is Commodity.GAS
    assert payload.meters[0].commodity is Commodity.GAS


@pytest.mark.parametrize("spelling", ["serviceDeliveryPoint", "ServiceDeliveryPoint"])
def test_both_spellings_of_the_service_delivery_point_are_read(spelling: str) -> None:
    said = {spelling: "<tariffProfile>E-1</tariffProfile><customerAgreement>42</customerAgreement>"}

    payload = espi.parse(feed(usage_point(**said)))

    (meter,) = payload.meters
    assert (meter.tariff, meter.agreement_id) == ("E-1", "42")
