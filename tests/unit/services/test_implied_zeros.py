"""Zeros that a net reading implies, against a dictionary that does the same one by one."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcarbon.domain.flows import Commodity, Direction, Measure, Unit
from dcarbon.providers.columns import READINGS, ChannelFacts, ParsedPayload
from dcarbon.services.implied_zeros import DERIVED, completed

QUARTER_S = 900
DIRECTIONS = (Direction.DELIVERED, Direction.RECEIVED, Direction.NET)
Stated = dict[Direction, dict[tuple[int, int], int]]
"""By direction: value by start (epoch seconds) and duration."""


def channel(direction: Direction, *, unit: Unit = Unit.WH, exponent: int = 0) -> ChannelFacts:
    return ChannelFacts("point", direction, unit, Commodity.ELECTRICITY, Measure.USAGE, exponent)


def payload(stated: Stated, channels: dict[Direction, ChannelFacts] | None = None) -> ParsedPayload:
    places = list(stated)
    facts = channels or {}
    rows = [
        (places.index(direction), start, duration, value, None)
        for direction, readings in stated.items()
        for (start, duration), value in readings.items()
    ]
    columns = list(zip(*rows, strict=True)) or [()] * 5
    table = pa.table(
        {
            field.name: pa.array(
                [datetime.fromtimestamp(s, UTC) for s in column]
                if field.name == "start"
                else column,
                field.type,
            )
            for field, column in zip(READINGS, columns, strict=True)
        },
        schema=READINGS,
    )
    return ParsedPayload((), tuple(facts.get(d) or channel(d) for d in places), table)


def stated_in(parsed: ParsedPayload) -> Stated:
    found: Stated = {}
    for row in parsed.readings.to_pylist():
        direction = parsed.channels[row["channel"]].direction
        key = (int(row["start"].timestamp()), row["duration_s"])
        assert key not in found.setdefault(direction, {})
        found[direction][key] = row["value"]
    return found


def by_the_book(stated: Stated) -> Stated:
    """Net is delivered less received: where one of them is all of it, the other is nothing."""
    found = {direction: dict(readings) for direction, readings in stated.items() if readings}
    if set(stated) != set(DIRECTIONS):
        return found
    delivered, received = stated[Direction.DELIVERED], stated[Direction.RECEIVED]
    for key, net in stated[Direction.NET].items():
        if key in delivered and key not in received and delivered[key] == net:
            found.setdefault(Direction.RECEIVED, {})[key] = 0
        if key in received and key not in delivered and -received[key] == net:
            found.setdefault(Direction.DELIVERED, {})[key] = 0
    return found


KEYS = st.tuples(
    st.integers(0, 6).map(lambda n: 1_700_000_000 + n * QUARTER_S),
    st.sampled_from([QUARTER_S, 3600, 5_000_000, 2**31 - 1]),
)
READINGS_OF = st.dictionaries(KEYS, st.integers(-3, 3), max_size=12)


@given(
    st.lists(st.sampled_from(DIRECTIONS), unique=True).flatmap(
        lambda some: st.fixed_dictionaries(dict.fromkeys(some, READINGS_OF))
    )
)
def test_zeros_are_those_a_reader_would_conclude(stated: Stated) -> None:
    assert stated_in(completed(payload(stated))) == by_the_book(stated)


def test_an_implied_zero_is_marked_as_derived() -> None:
    key = (0, QUARTER_S)
    stated = {
        Direction.DELIVERED: {key: 5},
        Direction.RECEIVED: {(QUARTER_S, QUARTER_S): 1},
        Direction.NET: {key: 5},
    }

    added = completed(payload(stated)).readings.to_pylist()[-1]

    assert (added["value"], added["quality"]) == (0, DERIVED)


def test_a_meter_that_never_exports_gets_no_export_channel() -> None:
    key = (0, QUARTER_S)

    found = completed(payload({Direction.DELIVERED: {key: 5}, Direction.NET: {key: 5}}))

    assert set(stated_in(found)) == {Direction.DELIVERED, Direction.NET}


def test_a_direction_known_from_before_is_completed_when_this_page_has_none_of_it() -> None:
    key = (0, QUARTER_S)
    stated: Stated = {Direction.DELIVERED: {key: 5}, Direction.NET: {key: 5}}

    found = completed(
        payload(stated), is_known=lambda _point, facts: facts.direction is Direction.RECEIVED
    )

    assert stated_in(found)[Direction.RECEIVED] == {key: 0}


@pytest.mark.parametrize("odd", [{"unit": Unit.VARH}, {"exponent": 3}])
def test_channels_of_another_unit_or_scale_are_no_siblings(odd: dict[str, object]) -> None:
    key = (0, QUARTER_S)
    stated: Stated = {
        Direction.DELIVERED: {key: 5},
        Direction.RECEIVED: {(QUARTER_S, QUARTER_S): 1},
        Direction.NET: {key: 5},
    }
    other = channel(Direction.RECEIVED, **odd)  # type: ignore[arg-type]

    found = completed(payload(stated, {Direction.RECEIVED: other}))

    assert key not in stated_in(found)[Direction.RECEIVED]
