"""ESPI XML to Arrow columns, beside greenbutton-objects, ElementTree and the bare parse.

Run as ``python -m benchmarks.espi``. Ratios are the result: the rivals share every round.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

import pyarrow as pa
import pyarrow.compute as pc
from lxml import etree
from rich.table import Table

from benchmarks import espi_documents as documents
from benchmarks.harness import MEGABYTE, Usage, interleaved, peak_memory, report, show
from dcarbon.domain.errors import UnreadablePayload
from dcarbon.providers.columns import ParsedPayload
from dcarbon.providers.green_button import espi
from dcarbon.providers.green_button.espi import document, safe_xml
from dcarbon.providers.green_button.espi.parse import assemble

ROUNDS = 7
GOAL = (
    "13 months, pretty and compact: at least 0.5x lxml.etree.parse, at least 12x"
    " greenbutton-objects;"
    " 1 M readings in at most 100 MB over rest; hostile documents refused or read rightly within"
    " 2 s and 100 MB"
)
_ESPI = "{http://naesb.org/espi}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one hostile document."""

    document: documents.Hostile
    usage: Usage
    is_right: bool

    @property
    def holds(self) -> bool:
        in_bounds = self.usage.seconds <= 2 and self.usage.over_rest <= 100 * MEGABYTE
        return self.usage.finished and self.is_right and in_bounds


def parse_file(path: Path) -> ParsedPayload:
    return espi.parse(path)


def plain_file(path: Path) -> ParsedPayload:
    """Read every reading from the tree, as documents are that write their readings unlike."""
    return assemble(document.read_plain_tree(path.read_bytes()))


def stream_file(path: Path) -> ParsedPayload:
    """Stream whatever the size, to time the other way of reading."""
    with path.open("rb") as file:
        return assemble(document.read_stream(iter(partial(file.read, safe_xml.CHUNK), b"")))


def bare_parse(path: Path) -> object:
    return etree.parse(path)


def bare_parse_same_options(path: Path) -> object:
    return etree.parse(path, etree.XMLParser(**safe_xml.OPTIONS))


def element_tree(path: Path) -> pa.Table:
    """ElementTree the usual way: one reading at a time, to the same columns."""
    starts, durations, values, qualities = [], [], [], []
    for _, block in ET.iterparse(path):
        if block.tag != f"{_ESPI}IntervalReading":
            continue
        starts.append(int(block.findtext(f"{_ESPI}timePeriod/{_ESPI}start") or ""))
        durations.append(int(block.findtext(f"{_ESPI}timePeriod/{_ESPI}duration") or ""))
        values.append(int(block.findtext(f"{_ESPI}value") or ""))
        quality = block.findtext(f"{_ESPI}ReadingQuality/{_ESPI}quality")
        qualities.append(None if quality is None else int(quality))
        block.clear()
    return _columns(starts, durations, values, qualities)


def greenbutton_objects(path: Path) -> pa.Table:
    """The peer's own objects, then the same columns."""
    from greenbutton_objects.parse import parse_feed  # noqa: PLC0415 — only this rival needs it

    starts, durations, values, qualities = [], [], [], []
    for point in parse_feed(str(path)):
        for meter_reading in point.meterReadings:
            for reading in meter_reading.intervalReadings:
                starts.append(int(reading.timePeriod.start.timestamp()))
                durations.append(int(reading.timePeriod.duration.total_seconds()))
                values.append(round(reading.value * 1000))
                quality = reading.readingQualities
                qualities.append(next((int(one.quality.value) for one in quality), None))
    return _columns(starts, durations, values, qualities)


def total_of(path: Path) -> str:
    """Parse and return the sum of the values, or the code of the refusal."""
    try:
        payload = espi.parse(path)
    except UnreadablePayload as refusal:
        return f"refused: {refusal.code}"
    return f"total {pc.sum(payload.readings['value']).as_py()} of {len(payload.readings)}"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="espi-benchmark-") as folder:
        figures, speed_holds = measure_speed(Path(folder))
        memory, memory_holds = measure_memory(Path(folder))
        hostile, hostile_holds = measure_hostile(Path(folder))
    report(
        "espi",
        {**figures, **memory, **hostile},
        GOAL,
        speed_holds and memory_holds and hostile_holds,
    )


def measure_speed(folder: Path) -> tuple[dict[str, object], bool]:
    """Time 13 months in both styles; check first that all rivals find the same readings.

    Readings written alike are read from the bytes: those of both styles here, and of most files
    seen. "Plain" is the way of all other documents, such as those with a comment in each reading;
    it is said beside it and does not count. The compact style, which PG&E writes, gives the bare
    parse less to do for each reading.
    """
    figures: dict[str, object] = {}
    holds = True
    for style in ("pretty", "compact"):
        path = documents.write_feed(
            folder / f"{style}.xml", documents.MONTHS_13, compact=style == "compact"
        )
        _check_equal(path)
        seconds = interleaved(
            {
                "parse": partial(parse_file, path),
                "plain": partial(plain_file, path),
                "streamed": partial(stream_file, path),
                "bare parse": partial(bare_parse, path),
                "bare parse, same options": partial(bare_parse_same_options, path),
                "ElementTree": partial(element_tree, path),
            },
            ROUNDS,
        )
        # One round: at some 75 us a reading it would take most of the benchmark's time.
        seconds |= interleaved({"greenbutton-objects": partial(greenbutton_objects, path)}, 1)
        show(_speed_table(style, path, seconds))
        ours = seconds["parse"]
        figures |= {
            f"{style}: readings/s": round(documents.MONTHS_13 / ours),
            f"{style}: x bare parse": seconds["bare parse"] / ours,
            f"{style}: x bare parse, plain": seconds["bare parse"] / seconds["plain"],
            f"{style}: x bare parse, streamed": seconds["bare parse"] / seconds["streamed"],
            f"{style}: x bare parse, same options": seconds["bare parse, same options"] / ours,
            f"{style}: x ElementTree": seconds["ElementTree"] / ours,
            f"{style}: x greenbutton-objects": seconds["greenbutton-objects"] / ours,
        }
        meets = _meets_bounds(seconds)
        figures[f"{style}: meets 0.5x and 12x"] = meets
        holds = holds and meets
    return figures, holds


def measure_memory(folder: Path) -> tuple[dict[str, object], bool]:
    """Parse a million readings in a fresh process, after a small file as warm-up."""
    small = documents.write_feed(folder / "small.xml", documents.PER_DAY * 31)
    large = documents.write_feed(folder / "million.xml", documents.MILLION)
    size = large.stat().st_size
    usage = peak_memory(partial(total_of, large), warm_up=partial(total_of, small))
    large.unlink()
    expected = sum(map(documents.value_of, range(documents.MILLION)))
    is_right = usage.outcome == f"total {expected} of {documents.MILLION}"
    figures: dict[str, object] = {
        "1 M readings: file MB": size / MEGABYTE,
        "1 M readings: MB over rest": usage.over_rest / MEGABYTE,
        "1 M readings: readings/s": round(documents.MILLION / usage.seconds),
        "1 M readings: outcome": usage.outcome,
    }
    return figures, is_right and usage.over_rest <= 100 * MEGABYTE


def measure_hostile(folder: Path) -> tuple[dict[str, object], bool]:
    """Give each hostile document to a process of its own."""
    small = documents.write_feed(folder / "warm.xml", documents.PER_DAY)
    verdicts = []
    for hostile in documents.hostile_documents():
        path = folder / "hostile.xml"
        hostile.write(path)
        usage = peak_memory(partial(total_of, path), warm_up=partial(total_of, small), limit_s=60.0)
        path.unlink()
        verdicts.append(Verdict(hostile, usage, _is_right(hostile, usage.outcome)))
    show(_hostile_table(verdicts))
    figures: dict[str, object] = {
        "hostile: documents": len(verdicts),
        "hostile: held": sum(verdict.holds for verdict in verdicts),
        "hostile: worst seconds": max(verdict.usage.seconds for verdict in verdicts),
        "hostile: worst MB over rest": max(one.usage.over_rest for one in verdicts) / MEGABYTE,
    }
    return figures, all(verdict.holds for verdict in verdicts)


def _meets_bounds(seconds: dict[str, float]) -> bool:
    ours = seconds["parse"]
    return seconds["bare parse"] / ours >= 0.5 and seconds["greenbutton-objects"] / ours >= 12


def _is_right(hostile: documents.Hostile, outcome: str) -> bool:
    if outcome.startswith("refused: "):
        return outcome.removeprefix("refused: ") in hostile.codes
    return hostile.total is not None and outcome.startswith(f"total {hostile.total} of ")


def _check_equal(path: Path) -> None:
    ours = parse_file(path).readings.drop_columns(["channel"])
    streamed = stream_file(path).readings.drop_columns(["channel"])
    for name, table in {
        "plain": plain_file(path).readings.drop_columns(["channel"]),
        "streamed": streamed,
        "ElementTree": element_tree(path),
        "greenbutton-objects": greenbutton_objects(path),
    }.items():
        for column in ("start", "duration_s", "value"):
            assert table[column].combine_chunks().equals(ours[column].combine_chunks()), name


def _columns(
    starts: list[int], durations: list[int], values: list[int], qualities: list[int | None]
) -> pa.Table:
    return pa.table(
        {
            "start": pa.array(starts, pa.int64()).cast(pa.timestamp("s", tz="UTC")),
            "duration_s": pa.array(durations, pa.int32()),
            "value": pa.array(values, pa.int64()),
            "quality": pa.array(qualities, pa.int16()),
        }
    )


def _speed_table(style: str, path: Path, seconds: dict[str, float]) -> Table:
    megabytes = path.stat().st_size / MEGABYTE
    table = Table(title=f"{documents.MONTHS_13:,} readings, {style}, {megabytes:.1f} MB")
    for heading in ("way", "ms", "readings/s", "MB/s", "x bare parse"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    for way, spent in sorted(seconds.items(), key=lambda item: item[1]):
        table.add_row(
            way,
            f"{spent * 1000:,.0f}",
            f"{documents.MONTHS_13 / spent:,.0f}",
            f"{megabytes / spent:,.0f}",
            f"{seconds['bare parse'] / spent:.2f}",
        )
    return table


def _hostile_table(verdicts: list[Verdict]) -> Table:
    table = Table(title="hostile documents, each in a process of its own")
    for heading in ("document", "outcome", "s", "MB over rest", "holds"):
        table.add_column(heading, justify="right" if heading in {"s", "MB over rest"} else "left")
    for one in verdicts:
        table.add_row(
            one.document.name,
            one.usage.outcome[:60],
            f"{one.usage.seconds:.2f}",
            f"{one.usage.over_rest / MEGABYTE:.0f}",
            "yes" if one.holds else "NO",
        )
    return table


if __name__ == "__main__":
    main()
