"""What a backup is made of: one folder each, and beside them the payloads that all share.

    DIRECTORY/README.txt              what this is, and what is not in it
    DIRECTORY/payloads/               payloads by their hash, as in a landing zone
    DIRECTORY/2026-11-23T131500Z/     one backup: database, list of payloads, manifest

The manifest is written last: a folder without one is a backup that did not come to its end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from dcarbon.db import landing_places
from dcarbon.db.landing_zone import LandingZone
from dcarbon.domain.errors import BackupUnusable

FORMAT = 1
DATABASE, DAGSTER, PAYLOADS = "database", "dagster", "payloads.txt"
_MANIFEST, _SEALED = "manifest.json", "manifest.json.sha256"
_MARK = "README.txt"
_SHARED = "payloads"
_NAME = "%Y-%m-%dT%H%M%SZ"
NOT_IN_IT = (
    "the keys that seal tokens, without which every customer has to authorize anew",
    "the settings (the environment and dcarbon.toml), which hold secrets too",
    "the kept heads of the audit log, which prove it only where nobody reaches both",
    "logs, and the logs of Dagster's runs",
)


class Part(msgspec.Struct, frozen=True):
    """A file of a backup."""

    sha256: str
    bytes: int


class Payloads(msgspec.Struct, frozen=True):
    """The payloads of a backup; ``lacking`` were missing or damaged where it was made."""

    count: int
    bytes: int
    lacking_count: int
    lacking: Mapping[str, str]


class AuditLog(msgspec.Struct, frozen=True):
    """The audit log at the moment of a backup: its last entry proves it, as a kept head does."""

    first: int
    last: int
    last_hash: str
    removed_through: int


class Dagster(msgspec.Struct, frozen=True):
    """Whether Dagster's own storage is in a backup, and why not."""

    is_in_it: bool
    why_not: str = ""


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds."""

    format: int
    taken_at: datetime
    version: str
    revision: str
    server: str
    tables: Mapping[str, int]
    audit_log: AuditLog
    payloads: Payloads
    sealing_keys: tuple[str, ...]
    """Ids of the keys that what is sealed in it needs; the keys are not in it."""
    dagster: Dagster
    not_in_it: tuple[str, ...]
    files: Mapping[str, Part]


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup that came to its end."""

    folder: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def store(self) -> LandingZone:
        """Where the bytes of its payloads are."""
        return store_of(self.folder.parent)


def store_of(directory: Path) -> LandingZone:
    """Return the payloads that all backups of a directory share."""
    return LandingZone(directory / _SHARED)


def payloads_of(folder: Path) -> Iterator[bytes]:
    """Yield the hash of each payload of a backup, in order."""
    with (folder / PAYLOADS).open(encoding="ascii") as lines:
        for line in lines:
            yield bytes.fromhex(line.split()[0])


def sum_of_payloads(folder: Path) -> tuple[int, int]:
    """Return how many payloads a backup lists, and their bytes as they came."""
    count = total = 0
    with (folder / PAYLOADS).open(encoding="ascii") as lines:
        for line in lines:
            count, total = count + 1, total + int(line.split()[1])
    return count, total


def prepare(directory: Path, *, now: datetime) -> Path:
    """Make the folder of a new backup. Nothing that is there is ever written over.

    Raises :class:`BackupUnusable` (``backup_place_taken``, ``backup_place_unusable``).
    """
    folder = directory / now.astimezone(UTC).strftime(_NAME)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (directory / _MARK).exists():
            if any(directory.iterdir()):
                raise BackupUnusable("not ours", code="backup_place_taken")
            (directory / _MARK).write_text(_about(), encoding="utf-8")
        folder.mkdir(mode=0o700)
    except FileExistsError as error:
        raise BackupUnusable("the name is taken", code="backup_place_taken") from error
    except OSError as error:
        raise BackupUnusable(str(error), code="backup_place_unusable") from error
    return folder


def finish(folder: Path, manifest: Manifest) -> Backup:
    """Write the manifest, which makes the folder a backup. All of it is on the disk then: older
    ones may go.
    """
    written = msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"
    said = f"{hashlib.sha256(written).hexdigest()}  {_MANIFEST}\n"
    (folder / _SEALED).write_text(said, encoding="ascii")
    arriving = folder / f".{_MANIFEST}"
    arriving.write_bytes(written)
    # pg_dump has seen to its own files.
    for place in (folder / PAYLOADS, folder / _SEALED, arriving):
        landing_places.sync(place)
    arriving.rename(folder / _MANIFEST)
    for place in (folder, folder.parent):
        landing_places.sync(place)
    return Backup(folder, manifest)


def parts_of(folder: Path) -> dict[str, Part]:
    """Return the files of a backup but its manifest, by their place in it."""
    return {
        str(file.relative_to(folder)): Part(_digest_of(file), file.stat().st_size)
        for file in sorted(folder.rglob("*"))
        if file.is_file() and _MANIFEST not in file.name
    }


def damaged_parts(backup: Backup) -> Iterator[tuple[str, str]]:
    """Yield each file that is not as it was written: its place, and ``missing`` or ``damaged``."""
    for name, part in backup.manifest.files.items():
        file = backup.folder / name
        if not file.is_file():
            yield name, "missing"
        elif file.stat().st_size != part.bytes or _digest_of(file) != part.sha256:
            yield name, "damaged"


def find(directory: Path, name: str | None = None) -> Backup:
    """Return a backup by its name, the newest one without.

    Raises :class:`BackupUnusable` (``backup_missing``, ``backup_damaged``, ``backup_newer``).
    """
    names = names_in(directory)
    if name is None and not names:
        raise BackupUnusable("none there", code="backup_missing")
    if name is not None and name not in names:
        known = f"There are: {', '.join(names)}." if names else "There is none at all."
        message = f"There is no backup {name!r} that came to its end. {known}"
        raise BackupUnusable(message, code="backup_missing", display_message=message)
    return _opened(directory / (name or names[-1]))


def names_in(directory: Path) -> list[str]:
    """Return the names of the backups that came to their end, the oldest first."""
    return [name for name in folders_in(directory) if (directory / name / _MANIFEST).is_file()]


def folders_in(directory: Path) -> list[str]:
    """Return the folders that are backups or were to be one, the oldest first; no others."""
    if not directory.is_dir():
        return []
    return sorted(one.name for one in directory.iterdir() if one.is_dir() and _is_name(one.name))


def _is_name(name: str) -> bool:
    try:
        datetime.strptime(name, _NAME).replace(tzinfo=UTC)
    except ValueError:
        return False
    return True


def _opened(folder: Path) -> Backup:
    written = (folder / _MANIFEST).read_bytes()
    sealed = (folder / _SEALED).read_text("ascii").split() if (folder / _SEALED).exists() else [""]
    if hashlib.sha256(written).hexdigest() != sealed[0]:
        raise _damaged(folder)
    try:
        manifest = msgspec.json.decode(written, type=Manifest)
    except msgspec.DecodeError as error:
        raise BackupUnusable("another format", code="backup_newer") from error
    if manifest.format != FORMAT:
        raise BackupUnusable("another format", code="backup_newer")
    return Backup(folder, manifest)


def _damaged(folder: Path) -> BackupUnusable:
    message = (
        f"The manifest of the backup {folder.name} is damaged: it is not as it was written. "
        "Take another one by --name."
    )
    return BackupUnusable(message, display_message=message)


def _digest_of(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _about() -> str:
    lacking = "\n".join(f"  - {one}" for one in NOT_IN_IT)
    return (
        "Backups of DCarbon, made by `dcarbon backup`, to be put back by `dcarbon restore`.\n\n"
        "Each folder with a manifest.json is one backup. The folder payloads belongs to all of\n"
        "them. They hold personal data: keep them as you keep the database.\n\n"
        f"Not in them:\n{lacking}\n"
    )
