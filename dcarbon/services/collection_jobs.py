"""Beginning a collection: for whom, on which order, over which window and in which pieces."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db import shard_syncs
from dcarbon.db.authorizations import Authorization
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain import pieces
from dcarbon.domain.errors import NotFound
from dcarbon.domain.pieces import Window
from dcarbon.providers.profile import UtilityProfile
from dcarbon.services import landed, work
from dcarbon.services.runtime import Runtime

DAILY = "daily:"
"""How the key of a nightly sync begins."""
_LOOKED_BACK = 20
PIECE_DAYS = 31
"""Days a piece has where the utility sets no smaller limit."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A piece of one part that was asked for to its end."""

    part: str
    piece: Window
    all_read: bool
    """False when an answer was unreadable: its days are not *asked and empty*."""
    readings: int
    """Of this attempt, up to the end of this piece."""


@dataclass(slots=True)
class Job:
    """One collection under way: for whom, ``[start, end)``, on which order, and how far it is."""

    authorization: Authorization
    start: datetime
    end: datetime
    attempt_id: UUID
    order_id: UUID | None
    order_attempts: int = 0
    """Of the order when the collection began: more of them since then mean it was woken."""
    sync_key: str | None = None
    correlation_id: str | None = None
    """Of the order: the click or run that asked for it."""
    is_final: bool = False
    """The last one of an authorization that has ended here and not yet at the provider."""
    pieces: tuple[Window, ...] = ()
    """The window in pieces, newest first."""
    done: dict[str, int] = field(default_factory=dict)
    """How many pieces, from the newest, of each part are recorded."""
    parts: tuple[str, ...] = ()
    is_described: bool = False
    readings_before: int = 0
    """In the pieces that earlier attempts recorded."""
    readings_recorded: int = 0
    """In the pieces this attempt recorded."""
    asked: list[Asked] = field(default_factory=list)
    """What this attempt asked for to its end."""
    recorded: int = 0
    """How many of ``asked`` are written down."""
    covered: set[tuple[UUID, Window]] = field(default_factory=set)
    """Meters and pieces whose days were counted after asking; a meter may be known later only."""

    @property
    def window(self) -> Window:
        return self.start, self.end


def begin(
    runtime: Runtime,
    authorization_id: UUID,
    *,
    start: datetime | None,
    end: datetime | None,
    order_id: UUID | None,
    run_id: str | None,
    is_final: bool = False,
) -> Job:
    """Decide the window and write the attempt down. Raises :class:`NotFound`.

    An order of which a piece is recorded keeps the window and the pieces it was begun with.
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        authorization = session.get(Authorization, authorization_id)
        if authorization is None:
            raise NotFound("no such authorization")
        order = None
        if not is_final:
            windowed = start is not None
            order = _order(session, authorization_id, order_id, windowed=windowed, now=now)
        if order is not None:
            start, end = start or order.window_start, end or order.window_end
        work.close_abandoned(
            session, authorization_id, order_id=order.id if order else None, now=now
        )
        attempt = work.start_attempt(
            session,
            authorization_id,
            order_id=order.id if order else None,
            run_id=run_id,
            now=now,
        )
        profile = runtime.providers.profile(authorization.provider)
        job = Job(
            authorization,
            start or _default_start(session, runtime, authorization, profile),
            end or now,
            attempt.id,
            order.id if order else None,
            order.attempts if order else 0,
            correlation_id=order.correlation_id if order else None,
            is_final=is_final,
        )
        begun = order.progress.get(work.RESUME) if order is not None else None
        if begun is None:
            lay_out(runtime, job, now=now)
        else:
            _resume(job, begun)
        return job


def lay_out(runtime: Runtime, job: Job, *, now: datetime) -> None:
    """Say in which pieces a new job is to be collected, and whether names are looked at."""
    row = job.authorization
    # Names and addresses change rarely: the weekly sync looks at them again.
    is_daily = (job.sync_key or "").startswith(DAILY) and row.last_sync is not None
    job.is_described = job.is_final or is_daily
    job.pieces = _pieces(job, runtime.providers.profile(row.provider), now=now)


def resumed_from(job: Job) -> dict[str, Any]:
    """Return what :func:`begin` needs to go on after the recorded pieces."""
    return {
        "pieces": [[moment.isoformat() for moment in piece] for piece in job.pieces],
        "window": [moment.isoformat() for moment in job.window],
        "done": dict(job.done),
        "is_described": job.is_described,
        "readings": job.readings_before + job.readings_recorded,
    }


def _resume(job: Job, begun: dict[str, Any]) -> None:
    job.start, job.end = (datetime.fromisoformat(moment) for moment in begun["window"])
    job.pieces = tuple(
        (datetime.fromisoformat(first), datetime.fromisoformat(last))
        for first, last in begun["pieces"]
    )
    job.done = dict(begun["done"])
    job.is_described = begun["is_described"]
    job.readings_before = begun["readings"]


def _pieces(job: Job, profile: UtilityProfile, *, now: datetime) -> tuple[Window, ...]:
    """Cut what the utility can have: nothing older than its history."""
    start = job.start
    if profile.history_limit_days is not None:
        start = max(start, now - timedelta(days=profile.history_limit_days))
    longest = timedelta(days=min(profile.request_window_days or PIECE_DAYS, PIECE_DAYS))
    return pieces.cut(start, job.end, longest=longest, zone=ZoneInfo(profile.time_zone))


def _order(
    session: Session,
    authorization_id: UUID,
    order_id: UUID | None,
    *,
    windowed: bool,
    now: datetime,
) -> WorkOrder | None:
    if order_id is not None:
        order = session.get(WorkOrder, order_id)
        if order is None or order.authorization_id != authorization_id or order.done_at is not None:
            return None
        return order
    if windowed:
        return None
    return session.scalar(
        select(WorkOrder)
        .where(
            WorkOrder.authorization_id == authorization_id,
            WorkOrder.done_at.is_(None),
            WorkOrder.not_before <= now,
            WorkOrder.kind.in_(work.COLLECTING),
        )
        .order_by(WorkOrder.id)
        .limit(1)
    )


def _default_start(
    session: Session, runtime: Runtime, authorization: Authorization, profile: UtilityProfile
) -> datetime:
    """Where its readings end less the overlap; the first time, the history of settings.

    A history that was broken off, as by a consent that ended, is taken up where it began.
    """
    now, settings = runtime.now(), runtime.settings
    limit = profile.history_limit_days
    oldest = now - timedelta(days=min(settings.history_days, limit or settings.history_days))
    if authorization.last_sync is None:
        return oldest
    reached = shard_syncs.reached_of(session, authorization.id, ended_after=landed.GIVEN_UP_AFTER)
    if reached is None:
        return oldest
    usual = max(oldest, reached - timedelta(days=settings.overlap_days))
    return min(usual, _broken_off(session, authorization.id) or usual)


def _broken_off(session: Session, authorization_id: UUID) -> datetime | None:
    """Return from when on the orders since the last one done were collected, if pieces are left."""
    closed = session.scalars(
        select(WorkOrder)
        .where(
            WorkOrder.authorization_id == authorization_id,
            WorkOrder.kind == "collect",
            WorkOrder.reason != work.SYNC_RETRY,
            WorkOrder.done_at.is_not(None),
        )
        .order_by(WorkOrder.id.desc())
        .limit(_LOOKED_BACK)
    )
    begun: datetime | None = None
    for order in closed:
        if order.outcome == "done":
            break
        if state := order.progress.get(work.RESUME):
            begun = datetime.fromisoformat(state["window"][0])
    return begun
