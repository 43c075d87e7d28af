"""Whether a backup is whole: its files, the audit log in it, and every payload, read to the end.

Needs no database and no keys: what is proven is what would be restored.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

from dcarbon.db import archives
from dcarbon.domain import audit_proof
from dcarbon.domain.audit_proof import Head, Proof
from dcarbon.services import backup_contents, payload_copies
from dcarbon.services.backup_contents import DATABASE, PAYLOADS, Backup
from dcarbon.services.payload_copies import Copies

Told = Callable[[str, int, int | None], None]
"""Hears what is under way, how much of it is done, and of how much."""

_TOLD_EVERY = 500
_ENTRIES = "audit_entries"


@dataclass(slots=True)
class Checked:
    """What a check found; nothing found is a whole backup."""

    findings: list[str] = field(default_factory=list)
    entries: int = 0
    payloads: int = 0


def check(backup: Backup, *, told: Told) -> Checked:
    """Read everything of a backup and name what is not as it was written."""
    checked = check_database(backup, told=told)
    if any(line.startswith(PAYLOADS) for line in checked.findings):
        # Which payloads there should be is not known any more.
        return checked
    of = backup.manifest.payloads.count

    def done(count: int) -> None:
        told("Checking payloads", count, of)

    found = payload_copies.check(
        backup.store, backup_contents.payloads_of(backup.folder), told=done
    )
    checked.payloads = found.counts.total()
    checked.findings += lacking(found, known=backup.manifest.payloads.lacking)
    return checked


def check_database(backup: Backup, *, told: Told) -> Checked:
    """Read the files of a backup, and prove the audit log as it stands in them."""
    checked = Checked()
    of = len(backup.manifest.files)
    told("Checking files", 0, of)
    damaged = list(backup_contents.damaged_parts(backup))
    checked.findings += [f"{name} is {state}" for name, state in damaged]
    if any(name.startswith(DATABASE) for name, _ in damaged):
        return checked
    log = backup.manifest.audit_log
    head = Head(log.last, log.last_hash, backup.manifest.taken_at.isoformat())
    proof = Proof([head] if head.seq else [])
    for entry in _in_order(backup, first=log.first):
        proof.take(entry)
        checked.entries += 1
        if checked.entries % _TOLD_EVERY == 0:
            told("Proving the audit log", checked.entries, log.last - log.first + 1)
    verdict = proof.verdict(removed_through=log.removed_through)
    checked.findings += [f"audit log: {one.text}" for one in verdict.findings]
    return checked


def lacking(found: Copies, *, known: Mapping[str, str]) -> list[str]:
    """Return a line for each payload that could not be had, save those known to be so before."""
    named = {name: state for name, state in found.lacking.items() if name not in known}
    lines = [f"payload {name} is {state}" for name, state in named.items()]
    more = found.lacking_count - len(found.lacking)
    return [*lines, f"and {more} more payloads"] if more else lines


def _in_order(backup: Backup, *, first: int) -> Iterator[dict[str, Any]]:
    """Yield the entries by their number: where old ones were removed, a table is not in order."""
    ahead: dict[int, dict[str, str | None]] = {}
    following = first
    for row in archives.rows(backup.folder / DATABASE, _ENTRIES):
        ahead[int(row["seq"] or 0)] = row
        while following in ahead:
            yield _stated(ahead.pop(following))
            following += 1
    for number in sorted(ahead):
        yield _stated(ahead[number])


def _stated(row: dict[str, str | None]) -> dict[str, Any]:
    """Return an entry as it is hashed, from its columns as PostgreSQL writes them."""
    said: dict[str, Any] = {name: row[name] for name in audit_proof.HASHED | {"hash"}}
    at = datetime.fromisoformat(said["at"]).astimezone(UTC)
    return {
        **said,
        "seq": int(said["seq"]),
        "at": at.isoformat(timespec="microseconds"),
        "ip": None if said["ip"] is None else str(ip_address(said["ip"])),
        "details": json.loads(said["details"]),
        "previous_hash": said["previous_hash"].removeprefix("\\x"),
        "hash": said["hash"].removeprefix("\\x"),
    }
