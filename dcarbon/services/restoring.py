"""Putting a backup back into an empty database, and its payloads into the landing zone.

Payloads come first, and the revision of the schema last: what breaks off in between is never taken
for a whole database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Engine, text

from dcarbon.db import archives, audit_chain, interval_months, migrate, privileges, snapshots
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.audit_proof import Head
from dcarbon.domain.errors import BackupUnusable, DatabaseToolFailed
from dcarbon.services import audit, backup_checking, backup_contents, installation, payload_copies
from dcarbon.services.actors import SYSTEM
from dcarbon.services.backup_checking import Told
from dcarbon.services.backup_contents import DAGSTER, DATABASE, Backup, Dagster
from dcarbon.services.installation import Installation
from dcarbon.services.payload_copies import Outcome

_TOLD_EVERY = 500


@dataclass(slots=True)
class Restored:
    """What was put back, and what is not as the backup says."""

    rows: int = 0
    entries: int = 0
    payloads: int = 0
    copied: int = 0
    dagster: Dagster = field(default_factory=lambda: Dagster(is_in_it=True))
    lost_before: list[str] = field(default_factory=list)
    """The SHA-256 of payloads that nobody had any more when the backup was made, in hex."""
    findings: list[str] = field(default_factory=list)


def restore(
    house: Installation, backup: Backup, *, now: datetime, told: Told = lambda *_: None
) -> Restored:
    """Restore all of it, compare it with the backup, and write the audit entry.

    Raises :class:`BackupUnusable` (``restore_not_empty``, ``backup_newer``, ``backup_damaged``)
    before anything is changed, and :class:`DatabaseToolFailed` in the midst.
    """
    _require_fitting(house, backup)
    checked = backup_checking.check_database(backup, told=told)
    if checked.findings:
        raise _damaged(backup, checked.findings)
    done = Restored()
    _restore_payloads(house, backup, done, told=told)
    _restore_database(house, backup, told=told)
    _compare(house, backup, done, told=told)
    with house.sessions.begin() as session:
        audit.record(
            session,
            AuditEvent.BACKUP_RESTORED,
            actor=SYSTEM,
            at=now,
            backup=backup.name,
            payloads=done.payloads,
            seq=backup.manifest.audit_log.last,
            hash=backup.manifest.audit_log.last_hash,
            findings=len(done.findings),
        )
    done.dagster = _restore_dagster(house, backup, told=told)
    return done


def _require_fitting(house: Installation, backup: Backup) -> None:
    if backup.manifest.revision not in migrate.revisions():
        raise BackupUnusable("made by a newer version", code="backup_newer")
    with house.engine.connect() as connection:
        if not snapshots.is_empty(connection):
            raise BackupUnusable("there are tables", code="restore_not_empty")


def _damaged(backup: Backup, findings: list[str]) -> BackupUnusable:
    named = "; ".join(findings[:5])
    message = (
        f"The backup {backup.name} is damaged, and nothing was restored: {named}. Take another one "
        "by --name."
    )
    return BackupUnusable(message, display_message=message)


def _restore_payloads(house: Installation, backup: Backup, done: Restored, *, told: Told) -> None:
    of = backup.manifest.payloads.count
    found = payload_copies.copy(
        backup.store,
        house.landing,
        backup_contents.payloads_of(backup.folder),
        told=lambda count: told("Copying payloads", count, of),
    )
    done.payloads, done.copied = found.counts.total(), found.counts[Outcome.COPIED]
    known = backup.manifest.payloads.lacking
    done.lost_before = [name for name in found.lacking if name in known]
    done.findings += backup_checking.lacking(found, known=known)


def _restore_database(house: Installation, backup: Backup, *, told: Told) -> None:
    engine = house.engine
    archives.restore(
        house.url,
        backup.folder / DATABASE,
        server=_server(engine),
        look=lambda: told("Restoring the database (bytes)", _size(engine), None),
    )
    with engine.begin() as connection:
        # Its place is a number of a block, and the rows lie elsewhere now.
        interval_months.forget_sorting(connection)
        privileges.close_functions(connection)
        migrate.note(connection, backup.manifest.revision)


def _compare(house: Installation, backup: Backup, done: Restored, *, told: Told) -> None:
    said = backup.manifest
    told("Counting rows", 0, None)
    with house.sessions() as session:
        found = snapshots.counts(session)
        done.rows = sum(found.values())
        done.findings += _differences(said.tables, found)
        head = Head(said.audit_log.last, said.audit_log.last_hash, said.taken_at.isoformat())

        def read(seq: int) -> None:
            if seq % _TOLD_EVERY == 0:
                told("Proving the audit log", seq, said.audit_log.last)

        verdict = audit_chain.prove(session, heads=[head] if head.seq else [], told=read)
    done.entries = verdict.entries
    done.findings += [f"audit log: {one.text}" for one in verdict.findings]


def _differences(said: Mapping[str, int], found: Mapping[str, int]) -> list[str]:
    return [
        f"{name} has {found.get(name, 0)} rows, the backup {said.get(name, 0)}"
        for name in sorted((said.keys() | found.keys()) - interval_months.OF_A_SORT)
        if said.get(name) != found.get(name)
    ]


def _restore_dagster(house: Installation, backup: Backup, *, told: Told) -> Dagster:
    if not backup.manifest.dagster.is_in_it:
        return Dagster(is_in_it=False, why_not="they are not in the backup")
    installation.make_dagster_database(house)
    with installation.dagster_engine(house) as engine:
        if engine is None:
            return Dagster(is_in_it=False, why_not=f"{house.dagster_shown} does not answer")
        with engine.connect() as connection:
            if not snapshots.is_empty(connection):
                return Dagster(is_in_it=False, why_not=f"{house.dagster_shown} is not empty")
        try:
            archives.restore(
                house.dagster_url,
                backup.folder / DAGSTER,
                server=_server(engine),
                look=lambda: told("Restoring Dagster's runs (bytes)", _size(engine), None),
            )
        except DatabaseToolFailed as error:
            return Dagster(is_in_it=False, why_not=error.display_message)
    return Dagster(is_in_it=True)


def _server(engine: Engine) -> int:
    with engine.connect() as connection:
        asked = text("select current_setting('server_version_num')::int")
        return int(connection.execute(asked).scalar_one())


def _size(engine: Engine) -> int:
    with engine.connect() as connection:
        asked = text("select pg_database_size(current_database())")
        return int(connection.execute(asked).scalar_one())
