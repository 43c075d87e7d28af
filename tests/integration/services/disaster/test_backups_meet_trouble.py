"""Backups of an installation in the middle of something: a sort of readings, a Dagster of others;
and what is on the disk when older ones may go.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from sqlalchemy import Engine, make_url, text

from dcarbon.db import interval_months
from dcarbon.db.base import new_id
from dcarbon.services import backups, reading_months, restoring
from dcarbon.services.installation import Installation
from tests.integration.services.conftest import MovableClock
from tests.integration.services.disaster.conftest import LAST, Saved

pytestmark = pytest.mark.database

# Far more days than were imported, each as large as a real one.
_MANY_DAYS = """
create temporary table more on commit drop as
select d.*, g.n from interval_days d, generate_series(1, 120) g(n);
update more set utc_day = utc_day - 10 - 5 * n;
alter table more drop column n;
insert into interval_days select * from more
"""
_HALF_OF_THEM = "delete from interval_days where utc_day between '2025-04-01' and '2026-01-31'"


def days_of(engine: Engine) -> list[str]:
    asked = "select t::text from interval_days t order by series_id, utc_day"
    with engine.connect() as connection:
        return list(connection.scalars(text(asked)))


def test_a_backup_of_a_sort_of_readings_has_all_of_them_after_the_restore(
    saved: Saved, elsewhere: Callable[[], Installation], tmp_path: Path
) -> None:
    with saved.house.engine.begin() as connection:
        for statement in (*_MANY_DAYS.split(";"), _HALF_OF_THEM):
            connection.execute(text(statement))
    plainly = saved.house.engine.execution_options(isolation_level="AUTOCOMMIT")
    with plainly.connect() as connection:
        connection.execute(text("vacuum (truncate off) interval_days"))
    before = days_of(saved.house.engine)
    with saved.house.sessions.begin() as session:
        interval_months.begin_sorting(session, LAST.replace(month=6, day=1))
    with saved.house.sessions.begin() as session:
        assert interval_months.sort(session, 2) > 0
    backup = backups.make(saved.house, tmp_path / "backups", now=saved.runtime.now()).backup
    new = elsewhere()

    done = restoring.restore(new, backup, now=saved.runtime.now())

    assert (done.findings, days_of(new.engine) == before) == ([], True)
    with new.sessions() as session:
        assert not interval_months.standing(session).is_sorting
    today = saved.runtime.now().date()
    assert reading_months.keep(new.sessions, today=today, sort_from=0).sorted > 1
    assert days_of(new.engine) == before


def test_runs_that_we_may_not_copy_are_left_out_and_said(saved: Saved, tmp_path: Path) -> None:
    role = f"other_{new_id().hex}"
    house = saved.house
    with psycopg.connect(house.dagster_url, autocommit=True) as connection:
        connection.execute(SQL("create role {} login").format(Identifier(role)))
        try:
            theirs = make_url(house.dagster_url).set(username=role)
            as_other = Installation(
                house.url,
                house.engine,
                house.landing,
                theirs.render_as_string(hide_password=False),
            )

            made = backups.make(as_other, tmp_path / "backups", now=saved.runtime.now())
        finally:
            connection.execute(SQL("drop role {}").format(Identifier(role)))

    dagster = made.backup.manifest.dagster
    assert (made.checked.findings, dagster.is_in_it) == ([], False)
    assert "permission denied" in dagster.why_not
    assert "DAGSTER_PG_URL" in dagster.why_not
    assert not (made.backup.folder / "dagster").exists()


def test_runs_that_cannot_be_put_back_do_not_void_what_was_restored(
    saved: Saved, elsewhere: Callable[[], Installation], tmp_path: Path
) -> None:
    with psycopg.connect(saved.house.dagster_url, autocommit=True) as connection:
        connection.execute("create table events (run int primary key)")
        connection.execute("create table logs (run int references events)")
        connection.execute("set session_replication_role = replica")
        connection.execute("insert into logs values (1)")  # a row that no foreign key will take
    backup = backups.make(saved.house, tmp_path / "backups", now=saved.runtime.now()).backup
    new = elsewhere()

    done = restoring.restore(new, backup, now=saved.runtime.now())

    assert (done.findings, done.dagster.is_in_it) == ([], False)
    assert "foreign key" in done.dagster.why_not


def test_what_nobody_has_any_more_keeps_no_old_backups(
    saved: Saved, tmp_path: Path, clock: MovableClock
) -> None:
    directory = tmp_path / "backups"
    saved.take_in(1)
    next((tmp_path / "landing").glob("??/??/*.zst")).unlink()
    first = backups.make(saved.house, directory, now=clock.now())
    clock.advance(timedelta(seconds=1))

    second = backups.make(saved.house, directory, now=clock.now(), keep=1)

    assert len(second.checked.findings) == 1
    assert second.removed == [first.backup.name]
    assert second.checked.payloads == 2


def test_all_of_a_backup_is_on_the_disk_before_older_ones_may_go(
    saved: Saved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[Path] = set()
    really = os.fsync

    def seen(descriptor: int) -> None:
        synced.add(Path(f"/proc/self/fd/{descriptor}").readlink())
        really(descriptor)

    monkeypatch.setattr(os, "fsync", seen)

    folder = backups.make(saved.house, tmp_path / "b", now=saved.runtime.now()).backup.folder

    written = {folder / "payloads.txt", folder / "manifest.json.sha256", folder / ".manifest.json"}
    assert {*written, folder, folder.parent} <= synced
