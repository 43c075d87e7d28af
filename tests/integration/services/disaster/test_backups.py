"""The drill: an installation at work is backed up, restored elsewhere, and compared in all."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select, text

from dcarbon import settings
from dcarbon.db import audit_chain, migrate, privileges
from dcarbon.db import engine as database
from dcarbon.db.audit_chain import NewEntry
from dcarbon.db.landing_zone import SHELVES, LandingZone
from dcarbon.db.payloads import LandedPayload
from dcarbon.domain.errors import BackupUnusable, DatabaseToolFailed
from dcarbon.domain.secrets import Secret
from dcarbon.services import (
    backup_checking,
    backup_contents,
    backups,
    grants,
    imports,
    leaving_payloads,
    restoring,
)
from dcarbon.services.backup_contents import Backup
from dcarbon.services.installation import Installation
from dcarbon.services.runtime import open_runtime
from tests.integration.services.conftest import MovableClock, entries, events
from tests.integration.services.disaster.conftest import Saved, content_of, rights_of
from tests.support import solar_month

pytestmark = pytest.mark.database

_TOLD_OF = {"audit_entries"}
"""Tables in which making a backup and restoring it leave a row."""


def made(saved: Saved, directory: Path) -> Backup:
    done = backups.make(saved.house, directory, now=saved.runtime.now())
    assert done.checked.findings == []
    return done.backup


def test_what_is_backed_up_while_writing_goes_on_is_whole_elsewhere(
    saved: Saved, elsewhere: Callable[[], Installation], tmp_path: Path
) -> None:
    with writing(saved) as wrote_once_more:
        backup = made(saved, tmp_path / "backups")
        wrote_once_more()
    new = elsewhere()

    done = restoring.restore(new, backup, now=saved.runtime.now())

    assert done.findings == []
    log = backup.manifest.audit_log
    ours = [(one.seq, one.hash) for one in entries(saved.runtime)]
    with database.sessions(new.engine)() as session:
        assert audit_chain.prove(session).findings == ()
        payloads = session.scalars(select(LandedPayload)).all()
    with new.engine.connect() as connection:
        told = connection.execute(text("select seq, hash from audit_entries order by seq")).all()
    assert [tuple(row) for row in told[:-1]] == ours[: log.last]
    assert ours[log.last - 1][1].hex() == log.last_hash
    assert len(ours) > log.last + 1
    assert {len(new.landing.get(one.sha256)) for one in payloads} == {
        one.byte_count for one in payloads
    }
    dagster = database.create(new.dagster_url)
    assert content_of(dagster) == {"runs": ["(run-1)"]}
    dagster.dispose()


def test_a_restored_installation_is_the_same_and_works_on(
    saved: Saved, elsewhere: Callable[[], Installation], tmp_path: Path
) -> None:
    saved.take_in(1)
    before = content_of(saved.runtime.engine)
    backup = made(saved, tmp_path / "backups")
    new = elsewhere()

    restoring.restore(new, backup, now=saved.runtime.now())

    after = content_of(new.engine)
    assert {name for name in after if after[name] != before[name]} == _TOLD_OF
    assert set(before["audit_entries"]) < set(after["audit_entries"])
    assert before.keys() == after.keys()
    assert rights_of(new.engine) == rights_of(saved.runtime.engine)
    assert migrate.is_usable(new.engine)
    shutil.copy(tmp_path / "seal.keys", tmp_path / "kept.keys")
    chosen = settings.load(
        {},
        directory=tmp_path / "new",
        database_url=privileges.as_app(new.url, new.engine),
        seal_keys_file=tmp_path / "kept.keys",
        landing_uri=new.landing.shown,
        providers={"sdge": {"client_id": "client-of-tests", "client_secret": "not-a-secret"}},
    )
    with open_runtime(chosen, clock=saved.runtime.clock) as working:
        assert grants.access_token(working, saved.authorization_id) == Secret("access")
        assert events(working)[-1] == "backup_restored"
        facility = imports.find_facility(
            working, str(saved.roof.facility.id), actor=saved.roof.actor
        )
        day = saved.runtime.now().date()
        solar_month.import_feed(
            working, facility, tmp_path, solar_month.feed(day, day), saved.roof.actor
        )
        with working.sessions() as session:
            assert audit_chain.prove(session).findings == ()


def test_the_next_backup_copies_only_what_is_new_and_mends_what_is_damaged(
    saved: Saved, tmp_path: Path, clock: MovableClock
) -> None:
    directory = tmp_path / "backups"
    first = backups.make(saved.house, directory, now=clock.now())
    damaged = next(_files(directory / "payloads"))
    damaged.write_bytes(damaged.read_bytes()[:-3])
    saved.take_in(1)
    clock.advance(timedelta(seconds=1))

    second = backups.make(saved.house, directory, now=clock.now())

    assert (first.copied, first.mended) == (1, 0)
    assert (second.copied, second.mended) == (1, 1)
    assert backup_checking.check(first.backup, told=_nobody).findings == []
    assert backup_contents.find(directory) == second.backup
    assert events(saved.runtime).count("backup_made") == 2


def test_old_backups_go_with_the_payloads_that_nobody_names_any_more(
    saved: Saved, tmp_path: Path, clock: MovableClock
) -> None:
    directory = tmp_path / "backups"
    first = made(saved, directory)
    saved.take_in(1)
    with saved.runtime.sessions.begin() as session:
        session.execute(text("update landed_payloads set erased_at = now() where readings > 100"))
    unfinished = directory / "2026-03-19T000000Z"
    unfinished.mkdir()
    (directory / "lost+found").mkdir()
    clock.advance(timedelta(seconds=1))

    second = backups.make(saved.house, directory, now=clock.now(), keep=1)

    assert set(second.removed) == {first.name, unfinished.name}
    assert backup_contents.names_in(directory) == [second.backup.name]
    assert (directory / "lost+found").is_dir()
    kept = backup_contents.store_of(directory)
    assert [one for shelf in SHELVES for one in kept.digests(shelf)] == list(
        backup_contents.payloads_of(second.backup.folder)
    )


def test_nothing_leaves_the_landing_zone_while_a_backup_is_made(
    saved: Saved, tmp_path: Path
) -> None:
    """Erased after the moment of the backup, its bytes belong to it all the same."""
    seen: list[bool] = []

    def erase(words: str, _done: int, _of: int | None) -> None:
        if words == "Copying payloads":
            seen.append(leaving_payloads.settle(saved.runtime).set_aside == 0)

    with saved.runtime.sessions() as session:
        digest = session.scalars(select(LandedPayload.sha256)).one()
    with psycopg.connect(saved.house.url, autocommit=True) as connection:
        connection.execute("insert into leaving_payloads values (%s, now())", [digest])
        connection.execute("update landed_payloads set state = state")
        done = backups.make(saved.house, tmp_path / "b", now=saved.runtime.now(), told=erase)
        connection.execute("update landed_payloads set erased_at = now()")

    assert seen
    assert all(seen)
    assert done.checked.findings == []
    assert leaving_payloads.settle(saved.runtime).set_aside == 1


def test_what_the_landing_zone_has_lost_is_named_and_the_rest_is_saved(
    saved: Saved, tmp_path: Path, elsewhere: Callable[[], Installation]
) -> None:
    saved.take_in(1)
    lost = next(_files(tmp_path / "landing"))
    lost.unlink()

    done = backups.make(saved.house, tmp_path / "backups", now=saved.runtime.now())
    again = backup_checking.check(done.backup, told=_nobody)
    restored = restoring.restore(elsewhere(), done.backup, now=saved.runtime.now())

    assert done.checked.findings == [f"payload {lost.stem} is missing"]
    assert (again.findings, restored.findings) == ([], [])
    assert restored.lost_before == [lost.stem]
    assert done.copied == restored.copied == 1


def test_damage_is_named_wherever_it_is(saved: Saved, tmp_path: Path) -> None:
    hard = {
        "words": "tab\t, line\n, \\N, \\., 'quoted' \"ü\" \u2028",
        "none": None,
        "many": [1, True],
    }
    with saved.runtime.sessions.begin() as session:
        for ip in ("192.0.2.7", "2001:db8::1", "::ffff:192.0.2.7", None):
            told = NewEntry(saved.runtime.now(), "a_happened", "system", ip=ip, details=hard)
            audit_chain.append(session, [told])
    directory = tmp_path / "backups"
    backup = made(saved, directory)
    payload = next(_files(directory / "payloads"))
    data = max((backup.folder / "database").glob("*.gz"), key=lambda file: file.stat().st_size)
    listed = backup.folder / "payloads.txt"

    def found() -> list[str]:
        return backup_checking.check(backup, told=_nobody).findings

    assert found() == []
    with changed(payload, lambda content: content[:40] + b"\0" + content[41:]):
        assert found() == [f"payload {payload.stem} is damaged"]
    with changed(payload, None):
        assert found() == [f"payload {payload.stem} is missing"]
    with changed(data, lambda content: content[:-1]):
        assert found() == [f"database/{data.name} is damaged"]
    with changed(data, None):
        assert found() == [f"database/{data.name} is missing"]
    with changed(listed, lambda content: content[9:]):
        assert found() == ["payloads.txt is damaged"]
    with (
        changed(backup.folder / "manifest.json", lambda content: content.replace(b"1", b"2", 1)),
        pytest.raises(BackupUnusable, match="manifest") as refused,
    ):
        backup_contents.find(directory)
    assert refused.value.code == "backup_damaged"


def test_a_log_that_was_edited_before_the_backup_is_said(saved: Saved, tmp_path: Path) -> None:
    with psycopg.connect(saved.house.url, autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("update audit_entries set event = 'signed_in' where seq = 2")

    done = backups.make(saved.house, tmp_path / "backups", now=saved.runtime.now())

    (finding,) = done.checked.findings
    assert finding.startswith("audit log: entry 2 (signed_in")


def test_a_damaged_backup_restores_nothing_and_nothing_is_ever_overwritten(
    saved: Saved, tmp_path: Path, elsewhere: Callable[[], Installation], clock: MovableClock
) -> None:
    directory = tmp_path / "backups"
    backup = made(saved, directory)
    new = elsewhere()
    before = content_of(saved.runtime.engine)

    with (
        changed(backup.folder / "database" / "toc.dat", lambda content: content[:-9]),
        pytest.raises(BackupUnusable, match=r"toc\.dat is damaged"),
    ):
        restoring.restore(new, backup, now=clock.now())
    with pytest.raises(BackupUnusable) as over_tables:
        restoring.restore(saved.house, backup, now=clock.now())
    with pytest.raises(BackupUnusable) as over_backup:
        backups.make(saved.house, directory, now=clock.now())
    with pytest.raises(BackupUnusable) as into_others:
        backups.make(saved.house, tmp_path, now=clock.now())

    assert content_of(new.engine) == {}
    assert content_of(saved.runtime.engine) == before
    assert over_tables.value.code == "restore_not_empty"
    assert over_backup.value.code == into_others.value.code == "backup_place_taken"
    assert backup_checking.check(backup, told=_nobody).findings == []


def test_a_restore_that_breaks_off_is_never_taken_for_a_whole_database(
    saved: Saved, tmp_path: Path, elsewhere: Callable[[], Installation]
) -> None:
    with psycopg.connect(saved.house.url, autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("delete from meters")  # rows that no foreign key will take
    backup = made(saved, tmp_path / "backups")
    new = elsewhere()

    with pytest.raises(DatabaseToolFailed, match="foreign key"):
        restoring.restore(new, backup, now=saved.runtime.now())
    with pytest.raises(BackupUnusable) as again:
        restoring.restore(new, backup, now=saved.runtime.now())

    assert migrate.current(new.engine) is None
    assert not migrate.is_usable(new.engine)
    assert again.value.code == "restore_not_empty"


@contextmanager
def writing(saved: Saved) -> Iterator[Callable[[], None]]:
    """Import days one after the other in a thread; gives a way to wait until one more is in."""
    stop, more = threading.Event(), threading.Semaphore(0)
    failed: list[BaseException] = []

    def work() -> None:
        number = 1
        try:
            while not stop.is_set():
                saved.take_in(number)
                more.release()
                number += 1
        except BaseException as error:  # noqa: BLE001 — told below
            failed.append(error)
            more.release()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert more.acquire(timeout=60)

        def wait() -> None:
            # What was under way when the backup ended, and one that began after it.
            for _ in range(2):
                assert more.acquire(timeout=60)

        yield wait
    finally:
        stop.set()
        thread.join()
    assert failed == []


@contextmanager
def changed(file: Path, change: Callable[[bytes], bytes] | None) -> Iterator[None]:
    """Damage a file, or remove it, for the block."""
    content = file.read_bytes()
    if change is None:
        file.unlink()
    else:
        file.write_bytes(change(content))
        assert file.read_bytes() != content
    yield
    file.write_bytes(content)


def _files(landing: Path) -> Iterator[Path]:
    assert LandingZone(landing)
    return iter(sorted(landing.glob("??/??/*.zst")))


def _nobody(_words: str, _done: int, _of: int | None) -> None:
    return
