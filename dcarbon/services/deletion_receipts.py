"""The receipt of a deletion: what was deleted, with counts and hashes, and what was kept and why.

It is written once as canonical JSON, and its SHA-256 stands in the audit log. The PDF is made from
it by typst, the same bytes each time. It holds references, never what they stood for.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db.deletions import DeletionRequest
from dcarbon.domain import audit_proof
from dcarbon.domain.deletion_words import COUNTED, KEPT
from dcarbon.domain.errors import NotFound
from dcarbon.domain.secrets import hashed
from dcarbon.services.erasure import Erased

FORMAT = "dcarbon-deletion-receipt-1"
_LONGEST_SECRET = 128
_AUDIT_LOG = (
    "The audit log keeps that things happened, by reference numbers and network addresses, without "
    "names: its entries prove each other and none can be taken out. They go when their own time "
    "is over."
)
_REPORTS = (
    "What was reported to a registry stays, with the readings and answers it rests on: a final "
    "report has to be provable for as long as its certificates exist."
)
_METERS = (
    "Meters that a report names keep the numbers by which they are known, so that nobody can claim "
    "the same energy twice."
)
_OTHERS = "Facilities with another owner stay theirs; your role and the access you gave have ended."


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt as it was written, and what it says."""

    content: bytes
    said: Mapping[str, Any]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def number(self) -> str:
        return str(self.said["number"])

    @property
    def file_name(self) -> str:
        """The name of its files, without an ending."""
        return f"dcarbon-deletion-{self.number}"

    @property
    def deleted(self) -> list[tuple[str, int]]:
        return _counted(self.said["deleted"]["counts"], COUNTED)

    @property
    def kept(self) -> list[tuple[str, int]]:
        return _counted(self.said["kept"]["counts"], KEPT)

    @property
    def done_at(self) -> datetime:
        return datetime.fromisoformat(self.said["done_at"])


class Told:
    """What the receipt will say, gathered facility by facility."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self.counts = Counter(counts)
        self.payloads: set[str] = set()
        self.kept_payloads: set[str] = set()
        self.reports: list[dict[str, object]] = []

    def add(self, erased: Erased) -> None:
        self.counts.update(erased.counts)
        self.payloads |= {digest.hex() for digest in erased.payloads.hashes}
        self.kept_payloads |= {digest.hex() for digest in erased.held_payloads.hashes}
        self.reports += [
            {
                "report": str(one.report_id),
                "unit": str(one.unit_id),
                "month": f"{one.month:%Y-%m}",
                "sequence": one.sequence,
                "file_sha256": one.csv_sha256,
            }
            for one in erased.held.reports
        ]

    def as_json(self) -> dict[str, object]:
        return {
            "counts": dict(self.counts),
            "payloads": sorted(self.payloads),
            "kept_payloads": sorted(self.kept_payloads),
            "reports": self.reports,
        }


def written(row: DeletionRequest, *, done_at: datetime) -> bytes:
    """Return the receipt of a request whose data is erased, as canonical JSON."""
    counts: Mapping[str, int] = row.erased["counts"]
    payloads: list[str] = row.erased["payloads"]
    reports: list[object] = row.erased["reports"]
    said = {
        "format": FORMAT,
        "number": str(row.id),
        "person": str(row.person_id),
        "asked_at": _instant(row.asked_at),
        "started_at": _instant(row.started_at),
        "erased_at": _instant(row.erased_at),
        "done_at": _instant(done_at),
        "deleted": {
            "counts": {key: counts.get(key, 0) for key in COUNTED},
            "facilities": row.erased["facility_ids"],
            "authorizations_ended": row.erased["authorization_ids"],
            "payload_sha256": payloads,
            "payload_list_sha256": list_hash(payloads),
        },
        "kept": {
            "counts": {key: counts.get(key, 0) for key in KEPT},
            "reports": reports,
            "payload_sha256": row.erased["kept_payloads"],
            "why": [_REPORTS, _METERS, _AUDIT_LOG, _OTHERS] if reports else [_AUDIT_LOG, _OTHERS],
        },
    }
    return audit_proof.canonical(said)


def list_hash(hashes: list[str]) -> str:
    """Return the SHA-256 of hashes in hexadecimal, a line each: one number for all of them."""
    return hashlib.sha256("".join(f"{one}\n" for one in hashes).encode()).hexdigest()


def of(session: Session, deletion_id: UUID) -> Receipt:
    """Return a receipt for administrators. Raises :class:`NotFound` until there is one."""
    row = session.get(DeletionRequest, deletion_id)
    return _read(row.receipt if row else None)


def by_link(session: Session, secret: str) -> Receipt:
    """Return the receipt whose address somebody has. Raises :class:`NotFound` for any other."""
    if not 0 < len(secret) <= _LONGEST_SECRET:
        raise NotFound("no such receipt")
    row = DeletionRequest
    return _read(session.scalar(select(row.receipt).where(row.link_hash == hashed(secret))))


def kept_words(counts: Mapping[str, int]) -> str:
    """Say in a sentence what was kept, nothing where nothing was."""
    number = counts.get("kept_for_reports", 0)
    if not number:
        return ""
    reports = "report" if number == 1 else "reports"
    return f"{number} final {reports} and what they rest on are kept; the receipt says why."


def pdf(receipt: Receipt) -> bytes:
    """Return the receipt as PDF/A-3b, with its JSON attached."""
    import typst  # noqa: PLC0415 — 80 MB of it, needed for this alone

    return typst.compile(
        _template(),
        sys_inputs={"data": json.dumps(_data(receipt))},
        timestamp=receipt.done_at.astimezone(UTC).replace(microsecond=0),
        ignore_system_fonts=True,
        pdf_standards="a-3b",
    )


@cache
def _template() -> bytes:
    return files("dcarbon.services").joinpath("receipt_files/receipt.typ").read_bytes()


def _data(receipt: Receipt) -> Mapping[str, object]:
    said = receipt.said
    return {
        "number": receipt.number,
        "facts": [
            ("Receipt number", receipt.number),
            ("Person (reference)", said["person"]),
            ("Asked for", _shown(said["asked_at"])),
            ("Access ended, person forgotten", _shown(said["started_at"])),
            ("Readings and answers deleted", _shown(said["erased_at"])),
            ("Complete", _shown(said["done_at"])),
        ],
        "deleted": [(label, f"{number:,}") for label, number in receipt.deleted if number],
        "kept": [(label, f"{number:,}") for label, number in receipt.kept if number],
        "reports": [
            (_month(one["month"]), one["report"], one["file_sha256"])
            for one in said["kept"]["reports"]
        ],
        "why": said["kept"]["why"],
        "hashes": [
            ("SHA-256 of the list of deleted answers", said["deleted"]["payload_list_sha256"]),
            ("SHA-256 of this receipt as JSON", receipt.sha256),
        ],
        "file_name": f"{receipt.file_name}.json",
        "json": receipt.content.decode(),
    }


def _read(content: bytes | None) -> Receipt:
    if content is None:
        raise NotFound("no such receipt")
    return Receipt(content, json.loads(content))


def _counted(counts: Mapping[str, int], names: Mapping[str, str]) -> list[tuple[str, int]]:
    return [(label, counts.get(key, 0)) for key, label in names.items()]


def _instant(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else None


def _shown(moment: str | None) -> str:
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M:%S} UTC" if moment else "not needed"


def _month(text: str) -> str:
    return f"{date.fromisoformat(f'{text}-01'):%B %Y}"
