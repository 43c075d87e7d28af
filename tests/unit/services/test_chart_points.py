"""Fewer points for a chart: least and greatest of each part stay, gaps stay, values stay true."""

from __future__ import annotations

from datetime import date

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dcarbon.domain.reading_ranges import Step
from dcarbon.services import chart_points, reading_steps
from dcarbon.services.reading_steps import Line, Panel
from tests.unit.services.readings_of_tests import PACIFIC, channel, days, readings

YEAR = days(date(2026, 1, 1), 365)


def _panel(values: list[int | None], received: list[int | None] | None = None) -> Panel:
    given_lines = [readings(YEAR, values)]
    if received is not None:
        given_lines.append(readings(YEAR, received, of=channel("received")))
    (panel,) = reading_steps.panels(given_lines, YEAR, step=Step.READINGS, zone=PACIFIC)
    return panel


def _points(panel: Panel, line: Line) -> dict[int, int | None]:
    rows = zip(panel.start.tolist(), line.value.tolist(), line.is_present.tolist(), strict=True)
    return {start: value if here else None for start, value, here in rows}


def _runs(line: Line) -> list[bool]:
    """Return present and missing by turns, each run once."""
    present = line.is_present
    turns = np.concatenate(([True], present[1:] != present[:-1]))
    return [bool(each) for each in present[turns]]


def test_few_points_are_left_alone() -> None:
    panel = _panel([1, 2, 3])

    assert chart_points.thinned(panel, 1000) is panel


def test_a_year_keeps_the_least_and_greatest_of_every_part() -> None:
    values = np.random.default_rng(11).permutation(35_040)
    panel = _panel(values.tolist())

    thin = chart_points.thinned(panel, 1752)

    kept = set(thin.lines[0].value.tolist())
    assert thin.is_thinned
    assert len(thin.start) <= 1752 + 2
    for part in np.split(values, 876):
        assert {int(part.min()), int(part.max())} <= kept


one_value = st.none() | st.integers(-50, 50)


@given(
    st.lists(st.tuples(one_value, one_value), min_size=8, max_size=400),
    st.integers(1, 60),
)
def test_values_extremes_and_gaps_are_those_of_the_readings(
    pairs: list[tuple[int | None, int | None]], most: int
) -> None:
    delivered, received = (list(column) for column in zip(*pairs, strict=True))
    if all(value is None for value in delivered) or all(value is None for value in received):
        return
    panel = _panel(delivered, received)

    thin = chart_points.thinned(panel, most)

    for before, after in zip(panel.lines, thin.lines, strict=True):
        points = _points(panel, before)
        assert {start: points[start] for start in thin.start.tolist()} == _points(thin, after)
        assert _runs(after) == _runs(before)
        present, kept = before.value[before.is_present], after.value[after.is_present]
        assert (kept.min(), kept.max()) == (present.min(), present.max())
