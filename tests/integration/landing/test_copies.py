"""A landing zone moves while DCarbon works, and every payload is read back where it went."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select, update

from dcarbon.cli import dcarbon
from dcarbon.db.audit import AuditEntry
from dcarbon.db.facilities import Facility
from dcarbon.db.landing_zone import LandingZone
from dcarbon.db.payloads import LandedPayload
from dcarbon.services import imports, ingestion, landing_copies, system_machine
from dcarbon.services.actors import SYSTEM
from dcarbon.services.ingestion import Arrival
from dcarbon.services.readings_storing import Origin
from dcarbon.services.runtime import Runtime, open_runtime
from tests.integration.landing.conftest import Stored, name_of
from tests.support.object_store import ObjectStore

pytestmark = pytest.mark.database

LARGE = os.urandom(9 << 20)
ANSWERS = [b"an answer", b"another", LARGE]
Land = Callable[[bytes], bytes]


@pytest.fixture
def land(runtime: Runtime, facility: Facility) -> Land:
    origin = Origin(facility.id, None, "pge", "PG&E", "America/Los_Angeles")

    def one(content: bytes) -> bytes:
        arrival = Arrival(content, "application/json", "https://x.example.test", runtime.now())
        return ingestion.land(runtime.sessions, runtime.landing, arrival, origin)[1]

    return one


def erase(runtime: Runtime, digest: bytes) -> None:
    with runtime.sessions.begin() as session:
        row = update(LandedPayload).where(LandedPayload.sha256 == digest)
        session.execute(row.values(erased_at=runtime.now()))
    runtime.landing.remove(digest)


def test_every_answer_is_copied_once_and_is_the_same_there(
    runtime: Runtime, land: Land, in_bucket: Stored
) -> None:
    digests = [land(content) for content in ANSWERS]
    heard: list[int] = []

    first = landing_copies.copy(runtime, runtime.landing, in_bucket.zone, told=heard.append)
    later = land(b"while it was copied")
    second = landing_copies.copy(runtime, runtime.landing, in_bucket.zone)

    assert (first.copied, first.whole, first.is_whole) == (3, 0, True)
    assert (second.copied, second.whole) == (1, 3)
    assert heard[-1] == 3
    assert [in_bucket.zone.get(digest) for digest in digests] == ANSWERS
    assert in_bucket.names() == sorted(map(name_of, [*digests, later]))
    with runtime.sessions() as session:
        told = select(AuditEntry.details).where(AuditEntry.event == "payloads_copied")
        assert [row["count"] for row in session.scalars(told)] == [3, 1]


def test_what_was_erased_between_two_copies_leaves_the_second_place_too(
    runtime: Runtime, land: Land, in_folder: Stored, tmp_path: Path
) -> None:
    kept, gone = land(b"kept"), land(b"to be erased")
    target = LandingZone(tmp_path / "elsewhere")
    stranger = target.put(b"of somebody else, whom no record here knows")
    landing_copies.copy(runtime, runtime.landing, target)
    erase(runtime, gone)

    done = landing_copies.copy(runtime, runtime.landing, target)

    assert (done.copied, done.erased, done.is_whole) == (0, 1, True)
    assert not target.exists(gone)
    assert target.get(kept) == b"kept"
    assert target.exists(stranger)


def test_damaged_and_missing_answers_are_named_and_stop_no_other(
    runtime: Runtime, land: Land, in_folder: Stored, tmp_path: Path
) -> None:
    good, damaged, missing = land(b"good"), land(b"damaged"), land(b"missing")
    in_folder.write(damaged, in_folder.read(good))
    in_folder.files.delete_file(name_of(missing))
    target = LandingZone(tmp_path / "elsewhere")

    copied = landing_copies.copy(runtime, runtime.landing, target)
    verified = landing_copies.verify(runtime, runtime.landing)

    assert (copied.copied, copied.is_whole) == (1, False)
    assert (copied.damaged, copied.missing) == ([damaged.hex()], [missing.hex()])
    assert not target.exists(damaged)
    assert (verified.whole, verified.damaged, verified.missing) == (
        1,
        [damaged.hex()],
        [missing.hex()],
    )


def run(runtime: Runtime, *arguments: str) -> Result:
    environment = {
        "DCARBON_DATABASE_URL": runtime.engine.url.render_as_string(hide_password=False),
        "DCARBON_DIRECTORY": str(runtime.settings.directory),
        "DCARBON_SEAL_KEYS_FILE": str(runtime.settings.seal_keys_file),
        "COLUMNS": "200",
    }
    return CliRunner().invoke(dcarbon, ["landing", *arguments], env=environment)


def test_the_command_copies_verifies_and_fails_on_a_loss(
    runtime: Runtime, land: Land, in_bucket: Stored
) -> None:
    digest = land(b"an answer")

    copied = run(runtime, "copy", in_bucket.address)
    verified = run(runtime, "verify", "--in", in_bucket.address)
    in_bucket.files.delete_file(name_of(digest))
    lost = run(runtime, "verify", "--in", in_bucket.address)

    assert copied.exit_code == 0, copied.output
    assert "Copied 1 answers from" in copied.stdout
    assert "s3://payloads/of/" in copied.stdout
    assert "endpoint_override" not in copied.stdout
    assert (verified.exit_code, verified.stdout.split(" in ")[0]) == (0, "Whole: 1 answers")
    assert lost.exit_code == 1
    assert f"missing: {digest.hex()}" in lost.stdout


def test_the_command_says_what_is_wrong_with_a_place(
    runtime: Runtime, object_store: ObjectStore
) -> None:
    nowhere = run(runtime, "copy", object_store.uri("x", bucket="no-such-bucket"))
    itself = run(runtime, "copy", str(runtime.settings.directory / "landing"))

    assert nowhere.exit_code == 1
    assert "the bucket does not exist" in " ".join(nowhere.stderr.split())
    assert itself.exit_code == 2
    assert "name another one" in itself.stderr


def test_files_are_imported_into_an_object_store(
    runtime: Runtime, facility: Facility, in_bucket: Stored, samples: Path
) -> None:
    chosen = runtime.settings.model_copy(update={"landing_uri": in_bucket.address})
    with open_runtime(chosen, clock=runtime.clock) as stored:
        result = imports.import_file(
            stored, facility, samples / "pge-electric-hourly-1day.xml", actor=SYSTEM
        )
        found = system_machine.store(stored.landing)

    assert result.error is None
    content = (samples / "pge-electric-hourly-1day.xml").read_bytes()
    assert in_bucket.names() == [name_of(hashlib.sha256(content).digest())]
    assert in_bucket.zone.get(result.sha256) == content
    assert found is not None
    assert (found.reason, "endpoint_override" in found.place) == (None, False)
    assert system_machine.store(runtime.landing) is None
    assert {disk.place for disk in system_machine.disks(stored.settings)} == {"data"}
    assert {disk.place for disk in system_machine.disks(runtime.settings)} == {"data", "payloads"}
