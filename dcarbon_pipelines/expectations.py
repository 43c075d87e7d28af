"""What readings that landed must look like, checked with Great Expectations on meter days.

The library takes several seconds to import: it is imported where it runs, never with definitions.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dcarbon.services.landed import MeterDay

TOO_LARGE = "too_large"
_NONE_OF = ("negative", "overlapping", "unknown_quality", TOO_LARGE)
_COLUMNS = ("place", "readings", "expected", *_NONE_OF)


@dataclass(frozen=True, slots=True)
class Problem:
    """One meter day that is not as it must be: its place in what was given, and what is wrong."""

    place: int
    day: MeterDay
    about: str
    what: str


def problems(days: Sequence[MeterDay]) -> list[Problem]:
    """Return every breach of: readings as many as the local day has, none negative, none
    overlapping, every quality known, none larger than the facility's system can make.
    """
    if not days:
        return []
    result = _validated(days)
    return [
        Problem(
            int(index["place"]),
            days[int(index["place"])],
            check.expectation_config.kwargs.get("column", "readings"),
            _words(check.expectation_config.kwargs, index),
        )
        for check in result.results
        for index in _unexpected(check)
    ]


def _validated(days: Sequence[MeterDay]) -> Any:
    gx, pd, progress_bars = _libraries()
    rows = [{"place": place, **asdict(day)} for place, day in enumerate(days)]
    frame = pd.DataFrame.from_records(rows, columns=list(_COLUMNS))
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = progress_bars(globally=False)
    asset = context.data_sources.add_pandas("landed").add_dataframe_asset("meter_days")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    wanted = {
        "result_format": "COMPLETE",
        "unexpected_index_column_names": ["place"],
        "return_unexpected_index_query": False,
    }
    return batch.validate(_suite(gx), result_format=wanted)


def _libraries() -> tuple[Any, Any, Any]:
    # Set before the import: the library reads it then, and would otherwise report its use.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        # Its dependencies warn of what they have deprecated in each other.
        warnings.simplefilter("ignore")
        import great_expectations as gx  # noqa: PLC0415 — takes seconds
        import pandas as pd  # noqa: PLC0415 — takes a second
        from great_expectations.data_context.types.base import (  # noqa: PLC0415 — see above
            ProgressBarsConfig,
        )
    return gx, pd, ProgressBarsConfig


def _suite(gx: Any) -> Any:
    expect = gx.expectations
    return gx.ExpectationSuite(
        name="what_landed",
        expectations=[
            expect.ExpectColumnPairValuesToBeEqual(column_A="readings", column_B="expected"),
            *(
                expect.ExpectColumnValuesToBeBetween(column=column, max_value=0)
                for column in _NONE_OF
            ),
        ],
    )


def _unexpected(check: Any) -> list[dict[str, Any]]:
    if check.exception_info.get("raised_exception"):
        raise RuntimeError(str(check.exception_info.get("exception_message")))
    found: list[dict[str, Any]] = check.result.get("unexpected_index_list") or []
    return found


def _words(expectation: dict[str, Any], index: dict[str, Any]) -> str:
    if "column_A" in expectation:
        return f"{index['readings']} readings where the day has {index['expected']}"
    column = expectation["column"]
    said = {
        "negative": "negative readings on a channel that only counts up",
        "overlapping": "readings that overlap the one before",
        "unknown_quality": "readings with a quality code of no known meaning",
        TOO_LARGE: "readings of more energy than the system can make",
    }
    return f"{index[column]} {said[column]}"
