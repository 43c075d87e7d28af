"""The audit log as JSON lines, as ``dcarbon/domain/audit_proof.py`` reads them.

One object a line with exactly the fields that are hashed, and ``hash`` in hex. Canonical JSON:
the same entries are the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from dcarbon.db import audit_chain
from dcarbon.domain import audit_proof


def lines(session: Session, *conditions: ColumnElement[bool]) -> Iterator[bytes]:
    """Yield the entries that meet all ``conditions`` on :class:`AuditEntry`, oldest first.

    Each line ends with a newline. They are read while they are asked for, a few thousand at a
    time: keep the session open until the last. Without conditions it is the whole log, which can
    be proven whole; a choice can be proven with ``--selection``.
    """
    for entry in audit_chain.stated_entries(session, *conditions):
        yield audit_proof.canonical(entry) + b"\n"
