"""Heads of the audit log, kept outside the database: what proves that nobody rewrote it.

A head is the number and the hash of the last entry at some time. It goes to a file and by mail;
who can change the database cannot change those.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
from sqlalchemy.orm import Session

from dcarbon.db import audit_chain
from dcarbon.domain import audit_proof
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.audit_proof import Head, Verdict
from dcarbon.domain.errors import (
    AuditLogBroken,
    InvalidInput,
    InvalidTransition,
    SettingsInvalid,
)
from dcarbon.services import administrators, audit, mails
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.runtime import Runtime
from dcarbon.settings import Settings

FILE_NAME = "audit-heads.jsonl"
_MAIL = "audit_head"
_MOST_TOLD = 20

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeptHead:
    """What came of keeping a head."""

    head: Head
    proven: int
    """Entries read beforehand, all as they were written."""
    mails: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """What was not as it was written when somebody said that the log goes on from ``head``."""

    head: Head
    findings: tuple[str, ...]
    kept_aside: Path | None
    """Where the heads are now that were kept before."""


def file_of(settings: Settings) -> Path:
    """Return where heads are kept: one JSON object a line, the newest last."""
    return settings.audit_heads_file or settings.directory / FILE_NAME


def kept(settings: Settings) -> list[Head]:
    """Return the heads in the file, none where there is no file.

    Raises :class:`SettingsInvalid` (``audit_heads_unreadable``).
    """
    place = file_of(settings)
    try:
        return audit_proof.heads_in(place.read_text("utf-8").splitlines())
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise _unusable(place, "read") from error


def keep(runtime: Runtime, *, whole: bool = False) -> KeptHead:
    """Prove the log since the last kept head (or ``whole``), and keep its head of now.

    The head goes by mail to administrators and whom the settings name, once a day, and to the
    file. Where a broken log was accepted, ``whole`` begins there. Raises :class:`AuditLogBroken`
    when an entry is not as it was written, and keeps nothing then; :class:`SettingsInvalid`
    (``audit_heads_unreadable``) when the file cannot be used.
    """
    heads = kept(runtime.settings)
    with runtime.sessions() as session:
        since = _accepted_at(runtime.settings) if whole or not heads else heads[-1].seq
        verdict = audit_chain.prove(session, heads=heads, since=since)
    if verdict.findings:
        raise _broken(verdict)
    now = runtime.now()
    with runtime.sessions.begin() as session:
        head = _head_of(session, now)
        queued = _mail(session, runtime.settings.audit_head_emails, head, now)
        audit.record(
            session,
            AuditEvent.AUDIT_HEAD_KEPT,
            actor=SYSTEM,
            at=now,
            seq=head.seq,
            hash=head.hash,
            mails=queued,
        )
    # Only now: a head of what a crash could still take back would cry wolf for ever.
    _write(file_of(runtime.settings), head)
    return KeptHead(head, verdict.entries, queued)


def accept(runtime: Runtime, *, actor: Actor) -> Accepted:
    """Let a log that is not as it was written go on from its head of now, known and said.

    An entry says by whom, and what was found; the heads kept before are put aside as evidence.
    Nightly proofs begin with this head from now on; whoever verifies the log still finds all.
    Raises :class:`InvalidTransition` (``audit_log_whole``) when nothing is wrong with it.
    """
    heads = kept(runtime.settings)
    with runtime.sessions() as session:
        found = audit_chain.prove(session, heads=heads).findings
    if not found:
        raise InvalidTransition("the audit log is whole", code="audit_log_whole")
    now = runtime.now()
    with runtime.sessions.begin() as session:
        head = _head_of(session, now)
        audit.record(
            session,
            AuditEvent.AUDIT_LOG_ACCEPTED,
            actor=actor,
            at=now,
            seq=head.seq,
            hash=head.hash,
            findings=len(found),
            broken=[f"{one.kind}: {one.first} to {one.last}" for one in found[:_MOST_TOLD]],
        )
    place = file_of(runtime.settings)
    aside = _put_aside(place, now)
    _write(place, head, is_accepted=True)
    return Accepted(head, tuple(one.text for one in found), aside)


def _accepted_at(settings: Settings) -> int:
    """Return from which entry on the log is proven: it was accepted there, broken as it was."""
    try:
        lines = file_of(settings).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return 0
    objects = [json.loads(line) for line in lines if line.strip()]
    return max((int(one["seq"]) for one in objects if one.get("accepted")), default=0)


def _head_of(session: Session, now: datetime) -> Head:
    seq, value = audit_chain.head(session)
    return Head(seq, value.hex(), now.astimezone(UTC).isoformat(timespec="seconds"))


def _put_aside(place: Path, now: datetime) -> Path | None:
    aside = place.with_name(f"{place.stem}-before-{now.astimezone(UTC):%Y%m%dT%H%M%S}.jsonl")
    try:
        place.rename(aside)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(place, "put aside") from error
    return aside


def _broken(verdict: Verdict) -> AuditLogBroken:
    told = "; ".join(one.text for one in verdict.findings[:5])
    log.error("audit_log_broken", findings=len(verdict.findings), told=told)
    return AuditLogBroken(told)


def _mail(session: Session, others: Sequence[str], head: Head, now: datetime) -> int:
    day = f"{now.astimezone(UTC):%Y-%m-%d}"
    context = {"day": day, "seq": head.seq, "hash": head.hash}
    key = f"{_MAIL}:{day}"
    queued = administrators.mail_all(session, _MAIL, context, now=now, repeat_key=key)
    for address in others:
        # A wrong address must not keep the file from being written.
        with suppress(InvalidInput):
            mail = mails.queue(
                session, to=address, kind=_MAIL, context=context, now=now, repeat_key=key
            )
            queued += mail is not None
    return queued


def _write(place: Path, head: Head, *, is_accepted: bool = False) -> None:
    said = {"seq": head.seq, "hash": head.hash, "taken_at": head.taken_at}
    line = json.dumps(said | ({"accepted": True} if is_accepted else {})) + "\n"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise _unusable(place, "written") from error


def _unusable(place: Path, done: str) -> SettingsInvalid:
    message = (
        f"The file of kept heads, {place}, cannot be {done}. Look at its rights and its disk, or "
        "set DCARBON_AUDIT_HEADS_FILE."
    )
    return SettingsInvalid(message, code="audit_heads_unreadable", display_message=message)
