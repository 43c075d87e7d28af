"""Check the evidence of a generation report, with nothing but Python 3.11 or later.

    python -I verify.py                    in the folder the evidence was unpacked to
    python -I verify.py evidence.zip       without unpacking

It checks every hash, then computes the number again from the readings: local days at each meter,
each hour's export beyond its import, exact integers with powers of ten. Local days need a table of
time zones: most systems have one, elsewhere install the package "tzdata" and leave out "-I".
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sys
import zipfile
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_DOWN, Decimal, getcontext
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

HOUR_S = 3600
CHUNK = 1 << 20
WH_PER_MWH_DIGITS = 6
SUMS = "SHA256SUMS"

getcontext().prec = 60


class Evidence:
    """The files of the evidence, in a folder or still in the zip."""

    def __init__(self, place: Path | IO[bytes]) -> None:
        is_folder = isinstance(place, Path) and place.is_dir()
        self._zip = None if is_folder else zipfile.ZipFile(place)
        self._folder = place if isinstance(place, Path) else Path()

    def names(self) -> set[str]:
        if self._zip is not None:
            return set(self._zip.namelist())
        files = (path for path in self._folder.rglob("*") if path.is_file())
        return {path.relative_to(self._folder).as_posix() for path in files}

    def open(self, name: str) -> IO[bytes]:
        if self._zip is not None:
            return self._zip.open(name)
        return (self._folder / name).open("rb")

    def text(self, name: str) -> str:
        with self.open(name) as stream:
            return stream.read().decode("utf-8")

    def rows(self, name: str) -> Iterator[dict[str, str]]:
        with self.open(name) as stream:
            yield from csv.DictReader(io.TextIOWrapper(stream, "utf-8", newline=""))

    def sha256(self, name: str) -> str:
        hasher = hashlib.sha256()
        with self.open(name) as stream:
            while chunk := stream.read(CHUNK):
                hasher.update(chunk)
        return hasher.hexdigest()


class Readings:
    """The readings of one channel in order of start: quantity in Wh = value * 10 ** exponent."""

    def __init__(self, evidence: Evidence, name: str, estimates: set[str]) -> None:
        self.starts: list[int] = []
        self.quantities: list[tuple[int, Decimal, bool]] = []
        self.payloads: set[str] = set()
        for row in evidence.rows(name):
            quantity = Decimal(int(row["value"])).scaleb(int(row["exponent"]))
            is_estimate = row["quality"] in estimates
            self.starts.append(seconds(row["start_utc"]))
            self.quantities.append((int(row["duration_s"]), quantity, is_estimate))
            self.payloads.add(row["payload_sha256"])
        if self.starts != sorted(set(self.starts)):
            raise Problem(f"{name} is not in order of time")

    def between(self, start: int, end: int) -> Decimal:
        """Return what was counted in [start, end). All of that time has to be told, by measured
        readings that lie inside.
        """
        total, told = Decimal(0), start
        first, last = bisect_left(self.starts, start), bisect_left(self.starts, end)
        for at, (duration, quantity, is_estimate) in zip(
            self.starts[first:last], self.quantities[first:last], strict=True
        ):
            if is_estimate:
                raise Problem("a reading is an estimate")
            if at != told:
                break
            total += quantity
            told = at + duration
        if told != end:
            raise Problem("readings are missing")
        return total


class Problem(Exception):
    """Something that cannot be computed from the readings at hand."""


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def day_bounds(day: date, zone: ZoneInfo) -> tuple[int, int]:
    """Return where a local day begins and ends: it has 23, 24 or 25 hours."""
    first, last = (
        datetime.combine(day + timedelta(days=n), time(), zone).astimezone(UTC) for n in (0, 1)
    )
    return int(first.timestamp()), int(last.timestamp())


def production(channels: dict[str, list[Readings]], start: int, end: int) -> Decimal:
    """All the day's readings of a production meter count."""
    return _sum(channels["counts"], start, end)


def hourly_export(channels: dict[str, list[Readings]], start: int, end: int) -> Decimal:
    """Of each hour counts what was given to the grid beyond what was taken, never below zero."""
    total = Decimal(0)
    for hour in range(start, end, HOUR_S):
        given = _sum(channels["counts"], hour, hour + HOUR_S)
        taken = _sum(channels["is taken off"], hour, hour + HOUR_S)
        total += max(Decimal(0), given - taken)
    return total


def _sum(channels: list[Readings], start: int, end: int) -> Decimal:
    return sum((readings.between(start, end) for readings in channels), Decimal(0))


Rule = Callable[[dict[str, list[Readings]], int, int], Decimal]
RULES: dict[str, Rule] = {"production": production, "hourly_export": hourly_export}


def check_hashes(evidence: Evidence) -> list[str]:
    """Compare every file with the list of hashes, and payloads with their names."""
    found: list[str] = []
    listed: dict[str, str] = {}
    for line in evidence.text(SUMS).splitlines():
        digest, _, name = line.partition("  ")
        listed[name] = digest
    present = evidence.names() - {SUMS}
    found += [f"{name} is missing" for name in sorted(set(listed) - present)]
    found += [f"{name} is not in {SUMS}" for name in sorted(present - set(listed))]
    for name in sorted(present & set(listed)):
        if evidence.sha256(name) != listed[name]:
            found.append(f"{name} has been changed")
    for row in evidence.rows("payloads.csv"):
        name = row["file"]
        if name in present and evidence.sha256(name) != row["sha256"]:
            found.append(f"{name} is not what the utility sent: its hash differs")
    return found


def check_number(evidence: Evidence, report: dict[str, Any]) -> list[str]:
    """Compute the number again, day by day, and compare it with the report and its file."""
    estimates = {str(code) for code in report["estimated_qualities"]}
    known = {row["sha256"] for row in evidence.rows("payloads.csv")}
    stated = {(d["meter_id"], d["day"]): quantity_of(d) for d in report["days"]}
    found: list[str] = []
    total = Decimal(0)
    seen: set[tuple[str, str]] = set()
    for claim in report["claims"]:
        channels: dict[str, list[Readings]] = defaultdict(list)
        for channel in claim["channels"]:
            readings = Readings(evidence, channel["file"], estimates)
            channels[channel["role"]].append(readings)
            if not readings.payloads <= known:
                found.append(f"{channel['file']} names payloads that are not listed")
        zone = ZoneInfo(claim["time_zone"])
        for day in days_of(report, claim):
            key = (claim["meter_id"], day.isoformat())
            seen.add(key)
            value, words = computed(RULES[claim["basis"]], channels, *day_bounds(day, zone))
            if words or value != stated.get(key):
                shown = words or f"the readings come to {plain(value)} Wh"
                found.append(
                    f"meter {claim['meter']}, {day}: report says "
                    f"{plain(stated.get(key))} Wh, {shown}"
                )
            total += value
    found += [
        f"day {day} of meter {meter} is claimed by nothing"
        for meter, day in sorted(set(stated) - seen)
    ]
    return found + check_total(evidence, report, total)


def computed(
    rule: Rule, channels: dict[str, list[Readings]], start: int, end: int
) -> tuple[Decimal, str]:
    try:
        return rule(channels, start, end), ""
    except Problem as problem:
        return Decimal(0), str(problem)


def check_total(evidence: Evidence, report: dict[str, Any], total: Decimal) -> list[str]:
    found: list[str] = []
    if total != quantity_of(report["total"]):
        found.append(
            f"the report's total is {plain(quantity_of(report['total']))} Wh, "
            f"the readings come to {plain(total)} Wh"
        )
    decimals = report["decimals"]
    mwh = total.scaleb(-WH_PER_MWH_DIGITS).quantize(Decimal(1).scaleb(-decimals), ROUND_DOWN)
    if f"{mwh:f}" != report["reported_mwh"]:
        found.append(f"the report says {report['reported_mwh']} MWh, the readings say {mwh:f}")
    given = evidence.text(report["file"])
    if report["reported_mwh"] not in given.splitlines()[-1].split(","):
        found.append(f"{report['file']} does not say {report['reported_mwh']} MWh")
    if evidence.sha256(report["file"]) != report["file_sha256"]:
        found.append(f"{report['file']} is not the file that was made final")
    return found


def days_of(report: dict[str, Any], claim: dict[str, Any]) -> Iterator[date]:
    """Yield the local days of a claim within the month reported."""
    first = max(date.fromisoformat(report["first_day"]), date.fromisoformat(claim["first_day"]))
    last = date.fromisoformat(report["last_day"])
    if claim["last_day"]:
        last = min(last, date.fromisoformat(claim["last_day"]))
    while first <= last:
        yield first
        first += timedelta(days=1)


def quantity_of(given: dict[str, Any]) -> Decimal:
    return Decimal(given["value"]).scaleb(given["exponent"])


def plain(quantity: Decimal | None) -> str:
    return "nothing" if quantity is None else f"{quantity.normalize():f}"


def main(arguments: list[str]) -> int:
    """Check the evidence; return 0 when everything agrees."""
    place = Path(arguments[0]) if arguments else Path(__file__).resolve().parent
    try:
        evidence = Evidence(place)
        found = check_hashes(evidence)
        report = json.loads(evidence.text("report.json"))
        found += check_number(evidence, report)
    except (OSError, KeyError, ValueError, ArithmeticError, zipfile.BadZipFile, Problem) as error:
        sys.stdout.write(f"DIFFERS: the evidence cannot be read: {error!r}\n")
        return 1
    for words in found:
        sys.stdout.write(f"DIFFERS: {words}\n")
    if found:
        sys.stdout.write(f"{len(found)} difference(s): not the evidence as it was made.\n")
        return 1
    sys.stdout.write(
        f"OK: {report['reported_mwh']} MWh for {report['unit']['name']}, {report['month']}, "
        f"from {len(report['days'])} meter days; every hash agrees.\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
