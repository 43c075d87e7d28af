"""Five years of a facility with 20 meters as CSV, Parquet and Excel, beside what people use for it.

Run as ``python -m benchmarks.exports [METERS [YEARS]]``. Each format runs in a process of its own,
from the request to the last byte, with the audit entry and everything a web process has loaded.
The rivals get the same columns, ready in memory, and only have to write them; the floor reads the
columns and writes nothing.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.exports_store import END, START, furnished
from benchmarks.harness import MEGABYTE, Usage, peak_memory, report, show
from dcarbon import settings
from dcarbon.services import exports
from dcarbon.services.actors import SYSTEM
from dcarbon.services.exports import Format
from dcarbon.services.exports_blocks import blocks
from dcarbon.services.exports_excel import MOST_READINGS
from dcarbon.services.exports_plan import Wish
from dcarbon.services.runtime import open_runtime

METERS, YEARS = 20, 5
RIVAL_READINGS = 30_000
GOALS = {
    Format.CSV: 500_000,
    Format.ZIP: 500_000,
    Format.PARQUET: 500_000,
    Format.EXCEL: 30_000,
}
MOST_BYTES = 300 * MEGABYTE
FIRST_BYTE_S = 1.0
GOAL = (
    "CSV and Parquet at 500,000 readings/s, Excel at 30,000 rows/s, each under 300 MB; the first "
    "bytes of CSV and Parquet within a second"
)


def main(meters: int = METERS, years: int = YEARS) -> None:
    with tempfile.TemporaryDirectory() as folder, furnished(meters, years) as (url, facility_id):
        everything = Wish(START.isoformat(), END(years).isoformat(), facility_id)
        workbook = _of_a_workbook(everything, meters=meters, years=years)
        wishes = dict.fromkeys(Format, everything) | {Format.EXCEL: workbook}
        usages = {
            one: peak_memory(partial(_export, url, folder, wishes[one], one), warm_up=_warm)
            for one in Format
        }
        floor = peak_memory(partial(_read, url, folder, everything), warm_up=_warm)
        rivals = _rivals(url, folder, everything)
    _finish(usages, floor, rivals)


def _of_a_workbook(everything: Wish, *, meters: int, years: int) -> Wish:
    """Shorten the range to what one workbook takes."""
    a_day = meters * 2 * 96
    end = min(END(years), START + timedelta(days=MOST_READINGS // a_day - 1))
    return Wish(everything.start, end.isoformat(), everything.facility_id)


def _export(url: str, folder: str, wish: Wish, chosen: Format) -> str:
    """Make the file and let it go; return what :class:`_Run` reads."""
    with _runtime(url, folder) as runtime:
        began, processor = time.perf_counter(), time.process_time()
        made = exports.begin(runtime, wish, kind=chosen, actor=SYSTEM)
        sizes = iter(map(len, made.chunks))
        first = next(size for size in sizes if size)
        to_first = time.perf_counter() - began
        size = first + sum(sizes)
        seconds, cpu = time.perf_counter() - began, time.process_time() - processor
        return f"{made.plan.readings} {size} {to_first:.4f} {seconds:.4f} {cpu:.4f}"


def _read(url: str, folder: str, wish: Wish) -> str:
    """Read every column of every reading, and write nothing."""
    with _runtime(url, folder) as runtime:
        began, processor = time.perf_counter(), time.process_time()
        plan = exports.preview(runtime, wish, actor=SYSTEM)
        planned = time.perf_counter() - began
        found = sum(map(len, blocks(runtime.sessions, plan)))
        seconds, cpu = time.perf_counter() - began, time.process_time() - processor
        return f"{found} 0 {planned:.4f} {seconds:.4f} {cpu:.4f}"


def _runtime(url: str, folder: str) -> Any:
    keys = Path(folder) / "seal.keys"
    chosen = settings.load({}, directory=Path(folder), database_url=url, seal_keys_file=keys)
    return open_runtime(chosen, clock=lambda: datetime(2031, 1, 1, tzinfo=UTC))


def _warm() -> None:
    """Everything is imported already: a web process rests with it."""


def _rivals(url: str, folder: str, wish: Wish) -> dict[str, float]:
    from benchmarks.exports_rivals import rates  # noqa: PLC0415 — pandas is not in what we measure

    with _runtime(url, folder) as runtime:
        plan = exports.preview(runtime, wish, actor=SYSTEM)
        return rates(blocks(runtime.sessions, plan), RIVAL_READINGS)


@dataclass(frozen=True, slots=True)
class _Run:
    """One export: ``seconds`` on the wall's clock, ``cpu`` those of our process alone."""

    readings: int
    size: int
    first_s: float
    seconds: float
    cpu: float
    peak: int

    @classmethod
    def of(cls, usage: Usage) -> _Run:
        readings, size, first_s, seconds, cpu = map(float, usage.outcome.split())
        return cls(int(readings), int(size), first_s, seconds, cpu, usage.peak)

    @property
    def rate(self) -> float:
        return self.readings / self.seconds

    def holds(self, kind: Format) -> bool:
        is_quick = kind is Format.EXCEL or self.first_s < FIRST_BYTE_S
        return self.rate >= GOALS[kind] and self.peak < MOST_BYTES and is_quick


def _finish(usages: dict[Format, Usage], floor: Usage, rivals: dict[str, float]) -> None:
    kinds = {kind: _Run.of(usage) for kind, usage in usages.items()}
    runs = {**{kind.value: run for kind, run in kinds.items()}, "reading only": _Run.of(floor)}
    columns = ("readings", "readings/s", "per CPU s", "first bytes, s", "MB", "peak RSS, MB")
    table = Table("what", *columns, title=f"load of the machine {os.getloadavg()[0]:.1f}")
    figures: dict[str, object] = {"load": os.getloadavg()[0]}
    for name, run in runs.items():
        told = {
            "readings": run.readings,
            "readings/s": run.rate,
            "readings per CPU s": run.readings / run.cpu,
            "first bytes, s": run.first_s,
            "MB": run.size / MEGABYTE,
            "peak MB": run.peak / MEGABYTE,
        }
        figures |= {f"{name}, {what}": value for what, value in told.items()}
        cells = (f"{value:,.2f}" if value < 10 else f"{value:,.0f}" for value in told.values())
        table.add_row(name, *cells)
    for name, rate in rivals.items():
        table.add_row(f"rival: {name}", f"{RIVAL_READINGS:,}", f"{rate:,.0f}", "", "", "", "")
        figures[f"{name}, readings/s"] = rate
    show(table)
    report("exports", figures, GOAL, all(run.holds(kind) for kind, run in kinds.items()))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
