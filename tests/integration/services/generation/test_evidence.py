"""Evidence: whoever has the zip computes the number again, and sees when something was changed."""

from __future__ import annotations

import hashlib
import io
import json
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from dcarbon.db import interval_days_writing
from dcarbon.db.interval_days_writing import SeriesReadings
from dcarbon.db.meters import Series
from dcarbon.db.payloads import LandedPayload
from dcarbon.domain.errors import PayloadMissing
from dcarbon.services import (
    eligibility,
    generating_units,
    generation_downloads,
    generation_reports,
    meter_claims,
)
from dcarbon.services.claim_checks import NewClaim
from tests.integration.services import metering
from tests.integration.services.conftest import MovableClock
from tests.integration.services.generation.conftest import FEBRUARY
from tests.support import solar_month
from tests.support.solar_month import Roof

pytestmark = pytest.mark.database
MARCH = date(2026, 3, 1)


@pytest.fixture
def report(roof: Roof, clock: MovableClock) -> UUID:
    """A month of which one day was restated before it was reported."""

    def hour(direction: str, at: datetime) -> int:
        return solar_month.sunny(direction, at) + (500 if at.hour == 13 else 0)

    clock.advance(timedelta(hours=1))
    roof.take_in(solar_month.feed(date(2026, 2, 3), date(2026, 2, 3), hour))
    clock.advance(timedelta(hours=1))
    made = generation_reports.prepare(roof.runtime, roof.unit_id, FEBRUARY, actor=roof.actor)
    generation_reports.finalise(roof.runtime, made, actor=roof.actor)
    return made


def evidence(roof: Roof, report: UUID) -> bytes:
    _, file = generation_downloads.evidence(roof.runtime, report, actor=roof.actor)
    with file:
        return file.read()


def verified(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run the program of the evidence in a process that knows nothing of us."""
    done = subprocess.run(
        [sys.executable, "-I", "verify.py", *arguments],
        cwd=folder,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def unpacked(roof: Roof, report: UUID, tmp_path: Path) -> Path:
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(io.BytesIO(evidence(roof, report))) as packed:
        packed.extractall(folder)
    return folder


def test_a_clean_process_computes_the_number_again(unpacked: Path) -> None:
    code, said = verified(unpacked)

    assert (code, said.split(";")[0]) == (
        0,
        "OK: 11.760 MWh for Roof, 2026-02, from 28 meter days",
    )


def test_the_zip_is_checked_without_unpacking(
    roof: Roof, report: UUID, unpacked: Path, tmp_path: Path
) -> None:
    (tmp_path / "verify.py").write_bytes((unpacked / "verify.py").read_bytes())
    (tmp_path / "evidence.zip").write_bytes(evidence(roof, report))

    assert verified(tmp_path, "evidence.zip")[0] == 0


def test_it_holds_what_the_utility_sent_byte_for_byte(roof: Roof, unpacked: Path) -> None:
    with roof.runtime.sessions() as session:
        hashes = {row.sha256.hex() for row in session.query(LandedPayload)}

    files = {path.name: path for path in (unpacked / "payloads").iterdir()}

    assert set(files) == hashes
    assert len(hashes) == 2
    for name, path in files.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == name


def test_it_holds_the_history_of_what_was_restated(unpacked: Path) -> None:
    lines = (unpacked / "history.csv").read_text().splitlines()

    assert len(lines) == 3
    assert "7,received,2026-02-03T21:00:00Z,80000,80500" in lines[1]
    assert "7,delivered,2026-02-03T21:00:00Z,10000,10500" in lines[2]


def test_it_says_what_counts_by_which_rule(unpacked: Path) -> None:
    (claim,) = json.loads((unpacked / "report.json").read_text())["claims"]

    assert (claim["basis"], claim["eligibility"]) == ("hourly_export", "hourly_export")
    assert "of each hour" in claim["rule"]
    assert [one["role"] for one in claim["channels"]] == ["counts", "is taken off"]
    assert "only the hourly positive flow" in (unpacked / "README.txt").read_text()


def _reading(folder: Path) -> None:
    path = folder / "readings" / "001-1-received.csv"
    path.write_text(path.read_text().replace(",80000,", ",81000,", 1))


def _payload(folder: Path) -> None:
    path = next((folder / "payloads").iterdir())
    path.write_bytes(path.read_bytes().replace(b"80000", b"90000", 1))


def _file(folder: Path) -> None:
    path = folder / "mrets-805-2026-02.csv"
    path.write_text(path.read_text().replace("11.760", "12.760"))


def _total(folder: Path) -> None:
    path = folder / "report.json"
    path.write_text(path.read_text().replace('"11.760"', '"12.760"'))


def _gone(folder: Path) -> None:
    next((folder / "payloads").iterdir()).unlink()


def _added(folder: Path) -> None:
    (folder / "extra.txt").write_text("more")


def _dropped_hour(folder: Path) -> None:
    path = folder / "readings" / "001-2-delivered.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:30] + lines[31:]))


TAMPERING = [_reading, _payload, _file, _total, _gone, _added, _dropped_hour]


@pytest.mark.parametrize("tamper", TAMPERING, ids=lambda one: one.__name__)
def test_what_was_changed_is_found(unpacked: Path, tamper: Callable[[Path], None]) -> None:
    tamper(unpacked)

    code, said = verified(unpacked)

    assert code == 1
    assert "DIFFERS" in said
    assert "OK" not in said


@pytest.mark.parametrize("tamper", [_reading, _payload, _total, _dropped_hour])
def test_a_change_is_found_even_when_the_list_of_hashes_was_made_anew(
    unpacked: Path, tamper: Callable[[Path], None]
) -> None:
    tamper(unpacked)
    sums = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(unpacked).as_posix()}"
        for path in sorted(unpacked.rglob("*"))
        if path.is_file() and path.name != "SHA256SUMS"
    ]
    (unpacked / "SHA256SUMS").write_text("\n".join(sums))

    code, said = verified(unpacked)

    assert code == 1
    assert "DIFFERS" in said


def test_days_of_23_hours_and_odd_amounts_are_computed_exactly(
    roof: Roof, clock: MovableClock, tmp_path: Path
) -> None:
    """March 2026 has the night in which an hour is left out; hours differ, some take more."""
    chance = random.Random(5)
    clock.advance(timedelta(days=31))
    content = solar_month.feed(
        MARCH, date(2026, 3, 31), lambda _way, _at: chance.randrange(0, 90_001)
    )
    roof.take_in(content)
    made = generation_reports.prepare(roof.runtime, roof.unit_id, MARCH, actor=roof.actor)
    generation_reports.finalise(roof.runtime, made, actor=roof.actor)

    code, said = _verified_zip(evidence(roof, made), tmp_path / "march")

    assert (code, said[:3]) == (0, "OK:")
    assert "from 31 meter days" in said


def test_a_production_meter_counts_in_full_with_its_exponent(roof: Roof, tmp_path: Path) -> None:
    """Beside the export meter another counts 1000.125 Wh each quarter hour, for another unit."""
    unit = generating_units.create(
        roof.runtime,
        roof.facility.id,
        answers={**solar_month.ANSWERS, "name": "Shed", "registry_id": "M7"},
        actor=roof.actor,
    ).id
    _production_meter(roof, unit)
    made = generation_reports.prepare(roof.runtime, unit, FEBRUARY, actor=roof.actor)
    generation_reports.finalise(roof.runtime, made, actor=roof.actor)

    code, said = _verified_zip(evidence(roof, made), tmp_path / "production")

    # 28 days of 96 quarter hours with 1000.125 Wh: 2,688.336 kWh.
    assert (code, said.split(";")[0]) == (0, "OK: 2.688 MWh for Shed, 2026-02, from 28 meter days")


def _production_meter(roof: Roof, unit: UUID) -> None:
    runtime, first = roof.runtime, int(datetime(2026, 2, 1, 8, tzinfo=UTC).timestamp())
    meter = metering.meter(runtime, roof.facility.id, "delivered", numbers=["P-1"])
    channel = metering.channel(runtime, meter, "delivered")
    eligibility.choose(
        runtime,
        channel,
        wanted="production",
        note="Inverter meter",
        is_production_meter=True,
        actor=roof.actor,
    )
    count = 28 * 96
    with runtime.sessions.begin() as session:
        series = Series(
            channel_id=channel,
            interval_s=900,
            first_start=datetime.fromtimestamp(first, UTC),
            last_end=datetime.fromtimestamp(first + count * 900, UTC),
        )
        payload = LandedPayload(
            facility_id=roof.facility.id,
            sha256=runtime.landing.put(b"what the utility said"),
            media_type="text/plain",
            byte_count=21,
            source="=cmd()",
            received_at=runtime.now(),
        )
        session.add_all([series, payload])
        session.flush()
        readings = SeriesReadings(
            series_id=series.id,
            interval_s=900,
            start=first + np.arange(count, dtype=np.int64) * 900,
            value=np.full(count, 1_000_125, np.int64),
            exponent=-3,
            quality=np.full(count, -1, np.int16),
            payload_id=payload.id,
        )
        interval_days_writing.write(session, [readings], recorded_at=runtime.now())
    new = NewClaim(meter, "production", FEBRUARY)
    meter_claims.claim(runtime, unit, new=new, actor=roof.actor)


def _verified_zip(content: bytes, folder: Path) -> tuple[int, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        packed.extractall(folder)
    return verified(folder)


def test_it_is_the_same_bytes_each_time(roof: Roof, report: UUID, clock: MovableClock) -> None:
    one = evidence(roof, report)
    clock.advance(timedelta(days=400))

    assert evidence(roof, report) == one


def test_an_answer_that_the_landing_zone_lost_is_said_and_nothing_is_sent(
    roof: Roof, report: UUID, tmp_path: Path
) -> None:
    for path in (tmp_path / "landing").rglob("*.zst"):
        path.unlink()

    with pytest.raises(PayloadMissing):
        evidence(roof, report)
