"""Making a backup while everything runs: the database as it is at one moment, and its payloads.

Bytes land before their record is committed, so every payload the database knows of at that moment
is there; none leaves the landing zone until the backup is done.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from sqlalchemy.orm import Session

from dcarbon.db import archives, snapshots
from dcarbon.db.snapshots import Moment
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import BackupUnusable, DatabaseToolFailed
from dcarbon.services import (
    audit,
    backup_checking,
    backup_contents,
    backup_pruning,
    installation,
    payload_copies,
)
from dcarbon.services.actors import SYSTEM
from dcarbon.services.backup_checking import Checked, Told
from dcarbon.services.backup_contents import (
    DAGSTER,
    DATABASE,
    PAYLOADS,
    AuditLog,
    Backup,
    Dagster,
    Manifest,
    Payloads,
)
from dcarbon.services.installation import Installation
from dcarbon.services.payload_copies import Copies, Outcome


@dataclass(frozen=True, slots=True)
class Made:
    """A new backup, what the check at its end found, and how many payloads were new to it."""

    backup: Backup
    checked: Checked
    copied: int
    mended: int
    removed: Sequence[str]
    """The names of older backups that are gone."""


def make(
    house: Installation,
    directory: Path,
    *,
    now: datetime,
    trusting: bool = False,
    keep: int | None = None,
    told: Told = lambda *_: None,
) -> Made:
    """Make a backup under ``directory``, check it, and write the audit entry.

    ``trusting``: payloads an earlier backup has brought there are not read again. ``keep``: so many
    backups stay once this one is whole but for payloads that nobody has any more: older backups
    share their payloads with it. Raises :class:`BackupUnusable` and :class:`DatabaseToolFailed`;
    nothing is left behind then.
    """
    with snapshots.alone(house.engine):
        folder = backup_contents.prepare(directory, now=now)
        with _undone(folder):
            backup, copies = _fill(house, folder, trusting=trusting, told=told)
        checked = backup_checking.check_database(backup, told=told)
        is_proven = not checked.findings
        checked.payloads = copies.counts.total()
        checked.findings += backup_checking.lacking(copies, known={})
        removed: Sequence[str] = ()
        if is_proven and keep is not None:
            told("Removing old backups", 0, None)
            removed = backup_pruning.prune(directory, keep=keep)
    _note(house, backup, now=now, findings=len(checked.findings))
    counts = copies.counts
    return Made(backup, checked, counts[Outcome.COPIED], counts[Outcome.MENDED], removed)


def _fill(
    house: Installation, folder: Path, *, trusting: bool, told: Told
) -> tuple[Backup, Copies]:
    with (
        snapshots.still_tables(house.engine),
        snapshots.taken(house.engine) as (session, moment),
    ):
        counts = _write_database(house, session, moment, folder, told=told)
    dagster = _write_dagster(house, folder, told=told)
    count, total = backup_contents.sum_of_payloads(folder)
    copies = payload_copies.copy(
        house.landing,
        backup_contents.store_of(folder.parent),
        backup_contents.payloads_of(folder),
        trusting=trusting,
        told=lambda done: told("Copying payloads", done, count),
    )
    told("Hashing files", 0, None)
    manifest = Manifest(
        format=backup_contents.FORMAT,
        taken_at=moment.taken_at,
        version=version("dcarbon"),
        revision=moment.revision,
        server=moment.server,
        tables=counts,
        audit_log=_audit_log(moment),
        payloads=Payloads(count, total, copies.lacking_count, copies.lacking),
        sealing_keys=moment.sealing_keys,
        dagster=dagster,
        not_in_it=backup_contents.NOT_IN_IT,
        files=backup_contents.parts_of(folder),
    )
    return backup_contents.finish(folder, manifest), copies


def _write_database(
    house: Installation, session: Session, moment: Moment, folder: Path, *, told: Told
) -> dict[str, int]:
    told("Counting rows", 0, None)
    counts = dict(snapshots.counts(session))
    snapshots.write_payloads(session, folder / PAYLOADS)
    place = folder / DATABASE
    archives.dump(
        house.url,
        place,
        snapshot=moment.snapshot,
        without_rows_of=[snapshots.REVISION_TABLE],
        look=lambda: told("Copying the database (bytes)", archives.size_of(place), None),
    )
    return counts


def _write_dagster(house: Installation, folder: Path, *, told: Told) -> Dagster:
    """Copy Dagster's runs: a moment later, and nothing of ours depends on them."""
    with installation.dagster_engine(house) as engine:
        if engine is None:
            return Dagster(is_in_it=False, why_not=f"{house.dagster_shown} does not answer")
    place = folder / DAGSTER
    try:
        archives.dump(
            house.dagster_url,
            place,
            look=lambda: told("Copying Dagster's runs (bytes)", archives.size_of(place), None),
        )
    except DatabaseToolFailed as error:
        shutil.rmtree(place, ignore_errors=True)
        return Dagster(is_in_it=False, why_not=error.display_message)
    return Dagster(is_in_it=True)


def _audit_log(moment: Moment) -> AuditLog:
    head = moment.audit_head
    return AuditLog(moment.audit_first, head.seq, head.hash, moment.audit_removed_through)


def _note(house: Installation, backup: Backup, *, now: datetime, findings: int) -> None:
    with house.sessions.begin() as session:
        audit.record(
            session,
            AuditEvent.BACKUP_MADE,
            actor=SYSTEM,
            at=now,
            backup=backup.name,
            payloads=backup.manifest.payloads.count,
            seq=backup.manifest.audit_log.last,
            hash=backup.manifest.audit_log.last_hash,
            findings=findings,
        )


@contextmanager
def _undone(folder: Path) -> Iterator[None]:
    """Remove what was begun when it does not come to its end."""
    try:
        yield
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise BackupUnusable(str(error), code="backup_place_unusable") from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
