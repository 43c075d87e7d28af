"""What a claimed day adds to its month, and the words for what it lacks."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

from dcarbon.domain import generation
from dcarbon.domain.generation import ChannelDay, ExportDay, MonthOfGeneration, Quantity

METER, UNIT = UUID(int=1), UUID(int=2)
DAY, AS_OF = date(2026, 3, 8), datetime(2026, 4, 1, tzinfo=UTC)


def channel(value: int, exponent: int = 0, *, readings: int = 92, estimated: int = 0) -> ChannelDay:
    return ChannelDay(Quantity(value, exponent), readings, 92, estimated, AS_OF)


def test_channels_of_a_day_add_up_at_the_finer_exponent() -> None:
    line = generation.production_day(METER, DAY, [channel(5), channel(25, -1)])

    assert (line.value, line.exponent, line.kwh) == (75, -1, Decimal("0.0075"))
    assert (line.is_complete, line.reason, line.as_of) == (True, "", AS_OF)


def test_each_lack_is_said_once_in_words() -> None:
    partial = channel(5, readings=90, estimated=2)

    line = generation.production_day(METER, DAY, [partial, partial, None, channel(1, readings=93)])

    assert line.reason == (
        "2 of 92 readings are missing. 2 of 92 readings are the utility's estimates, which never "
        "count. No readings of this day. Readings overlap each other."
    )
    assert (line.is_complete, line.estimated, line.value) == (False, 4, 11)


def test_missing_readings_are_counted_and_whole_quantities_are_kilowatt_hours() -> None:
    line = generation.production_day(METER, DAY, [channel(1_500, readings=40)])

    assert line.reason == "52 of 92 readings are missing."
    assert (line.kwh, line.energy.kwh) == (Decimal("1.5"), Decimal("1.5"))


def test_of_a_day_without_readings_nothing_counts() -> None:
    silent = generation.production_day(METER, DAY, [None])
    export = generation.export_day(METER, DAY, None)

    assert (silent.value, silent.exponent, silent.is_complete, silent.as_of) == (0, 0, False, None)
    assert (export.value, export.exponent, export.is_complete, export.estimated) == (0, 0, False, 0)
    assert silent.reason == export.reason == generation.NO_READINGS
    assert export.hours is None


def test_a_day_is_told_at_a_finer_exponent_hour_by_hour() -> None:
    export = ExportDay((None, 4, 7), -1, Quantity(90, -1), 1, 0, AS_OF)

    finer = generation.export_day(METER, DAY, export).at(-3)

    assert (finer.value, finer.exponent, finer.hours) == (1_100, -3, (None, 400, 700))


def test_an_export_day_counts_its_known_hours() -> None:
    export = ExportDay((None, 4, None), -1, Quantity(90, -1), 1, 1, AS_OF)

    line = generation.export_day(METER, DAY, export)

    assert (line.value, line.exponent, line.register) == (4, -1, Quantity(90, -1))
    assert line.reason == (
        "1 of 3 hours lack readings. 1 of 3 hours hold estimates by the utility, which never count."
    )


def test_a_month_has_all_its_days_at_one_exponent() -> None:
    whole = generation.production_day(METER, DAY, [channel(5)])
    fine = generation.export_day(
        METER, date(2026, 3, 9), ExportDay((25, None), -2, Quantity(25, -2), 1, 0, AS_OF)
    )

    month = MonthOfGeneration.of(UNIT, date(2026, 3, 1), [fine, whole])

    assert (month.value, month.exponent, month.basis) == (525, -2, "mixed")
    assert [line.value for line in month.lines] == [500, 25]
    assert month.lines[1].hours == (25, None)
    assert (month.days_expected, month.days_complete, month.is_complete) == (2, 1, False)
    assert month.as_of == AS_OF


def test_a_month_counts_its_complete_and_its_estimated_days() -> None:
    whole, one, two = (
        generation.production_day(METER, date(2026, 3, n + 1), [channel(2_500, estimated=n)])
        for n in range(3)
    )

    alone = MonthOfGeneration.of(UNIT, date(2026, 3, 1), [whole])
    month = MonthOfGeneration.of(UNIT, date(2026, 3, 1), [two, one, whole])

    assert (alone.is_complete, alone.estimated_days, alone.basis) == (True, 0, "production")
    assert (month.is_complete, month.estimated_days, month.days_complete) == (False, 2, 1)
    assert (alone.kwh, month.kwh) == (Decimal("2.5"), Decimal("7.5"))


def test_a_month_nobody_claims_is_nothing_and_not_complete() -> None:
    month = MonthOfGeneration.of(UNIT, date(2026, 3, 1), [])

    assert (month.value, month.basis, month.is_complete, month.as_of) == (0, "none", False, None)
