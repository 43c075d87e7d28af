"""Collect: fetch, land, parse and store what one authorization has, and write down how it went.

A provider's failure is stored, never raised; what is raised is ours. Every step is safe to repeat.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from dcarbon.db.authorizations import Authorization, AuthorizationSession
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain import correlation
from dcarbon.domain.errors import (
    AccessTokenRejected,
    DCarbonError,
    ProviderUnavailable,
    ReauthorizationRequired,
)
from dcarbon.domain.states import AuthMethod, AuthStatus
from dcarbon.services import (
    authorization_records,
    authorizations,
    collection_jobs,
    collection_pieces,
    collection_records,
    collection_syncs,
    ended_consents,
)
from dcarbon.services.collection_jobs import Job
from dcarbon.services.collection_pieces import Tally, not_authorized
from dcarbon.services.collection_totals import Totals
from dcarbon.services.fetching import LOOK_AGAIN, Waiting
from dcarbon.services.runtime import Runtime

_BELIEVED_AFTER = 6
"""Tries of an order, with its back-off between a quarter and half an hour."""


@dataclass(frozen=True, slots=True)
class CollectionOutcome:
    """How one collection went. ``error`` is the provider's or customer's side, never ours.

    Energy is of the window, electricity only, in kWh; coverage counts channel days of the window.
    """

    authorization_id: UUID
    facility_id: UUID
    provider: str
    utility: str
    window: tuple[datetime, datetime]
    error: DCarbonError | None = None
    waiting: bool = False
    meters: int = 0
    payloads: int = 0
    readings: int = 0
    new: int = 0
    restated: int = 0
    unreadable: int = 0
    delivered_kwh: Decimal = Decimal(0)
    received_kwh: Decimal = Decimal(0)
    covered_days: int = 0
    due_days: int = 0
    provider_seconds: float = 0.0


def collect(
    runtime: Runtime,
    authorization_id: UUID,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    order_id: UUID | None = None,
    run_id: str | None = None,
    sync_key: str | None = None,
    final: bool = False,
) -> CollectionOutcome:
    """Collect ``[start, end)`` for one authorization; by default what its due order asks for.

    Without an order and window, the newest data with the overlap of settings; the first time, the
    history of settings, at most what the utility keeps. A long window is collected in pieces, the
    newest first; on an order, a run that was killed is gone on from after its last recorded piece.
    ``sync_key`` names the scheduled sync, which says the window. ``final`` collects once more from
    an authorization that has ended here and whose end the provider has not been told yet.
    """
    if sync_key is not None and start is not None and end is not None:
        window = (start, end)
        job = collection_syncs.begin(
            runtime, authorization_id, window, run_id=run_id, sync_key=sync_key
        )
    else:
        job = collection_jobs.begin(
            runtime,
            authorization_id,
            start=start,
            end=end,
            order_id=order_id,
            run_id=run_id,
            is_final=final,
        )
    # Within a run or a request its own id goes on, unless an order has one.
    followed = job.correlation_id or correlation.current() or run_id
    about = {"authorization": authorization_id, "order": job.order_id, "run": run_id}
    with correlation.following(followed, **about):
        return _ended(runtime, job)


def _ended(runtime: Runtime, job: Job) -> CollectionOutcome:
    tally = Tally()
    try:
        waiting = _collect(runtime, job, tally)
    except DCarbonError as error:
        if error.is_ours:
            collection_records.broken(runtime, job, error, tally.counts())
            raise
        truth = _truth_of(runtime, job, error)
        collection_records.stopped(runtime, job, truth, tally.counts())
        return replace(_outcome(job, tally, Totals()), error=truth)
    if waiting is not None:
        totals = collection_records.waiting(runtime, job, waiting, tally.counts())
        return replace(_outcome(job, tally, totals), waiting=True)
    ended_by = collection_records if job.sync_key is None else collection_syncs
    totals = ended_by.finished(runtime, job, tally.counts())
    return _outcome(job, tally, totals)


def _collect(runtime: Runtime, job: Job, tally: Tally) -> Waiting | None:
    if job.is_final:
        _require_untold(runtime, job)
    else:
        _require_authorized(runtime, job)
        if job.authorization.status != AuthStatus.AUTHORIZED:
            again_at = runtime.now() + LOOK_AGAIN
            return Waiting("the authorization has not been made yet", again_at, is_polled=True)
    return collection_pieces.run(runtime, job, tally)


def _truth_of(runtime: Runtime, job: Job, error: DCarbonError) -> DCarbonError:
    """A refused grant may mean that the customer has ended the consent: the provider knows.

    One that was renewed a moment ago is not gone because its token is refused once: that is the
    provider's failing, until it has been so for a while.
    """
    if not isinstance(error, ReauthorizationRequired) or job.is_final:
        return error
    truth = ended_consents.truth_of(runtime, job.authorization, error)
    if isinstance(truth, AccessTokenRejected) and job.order_attempts < _BELIEVED_AFTER:
        return ProviderUnavailable("a token just given was refused")
    return truth


def _require_authorized(runtime: Runtime, job: Job) -> None:
    """Resolve a referral that is still open; anything else than authorized is refused."""
    authorization = job.authorization
    if (
        authorization.status == AuthStatus.PENDING
        and authorization.method == AuthMethod.UTILITYAPI
        and (referral := _open_referral(runtime, authorization.id))
    ):
        client = authorizations.utilityapi_client(runtime)
        authorization_records.resolve_referral(runtime, authorization.id, referral, client)
        with runtime.sessions() as session:
            job.authorization = session.get_one(Authorization, authorization.id)
        return
    if authorization.status != AuthStatus.AUTHORIZED:
        raise not_authorized(authorization.status)


def _require_untold(runtime: Runtime, job: Job) -> None:
    """Refuse a last collection unless the order that tells the provider is open and wants it."""
    telling = select(WorkOrder.id).where(
        WorkOrder.authorization_id == job.authorization.id,
        WorkOrder.kind == "revoke",
        WorkOrder.final,
        WorkOrder.done_at.is_(None),
    )
    with runtime.sessions() as session:
        is_untold = session.scalar(telling.limit(1)) is not None
    if job.authorization.status != AuthStatus.REVOKED or not is_untold:
        raise not_authorized(job.authorization.status)


def _open_referral(runtime: Runtime, authorization_id: UUID) -> str | None:
    with runtime.sessions() as session:
        return session.scalar(
            select(AuthorizationSession.referral)
            .where(
                AuthorizationSession.authorization_id == authorization_id,
                AuthorizationSession.referral.is_not(None),
            )
            .order_by(AuthorizationSession.id.desc())
            .limit(1)
        )


def _outcome(job: Job, tally: Tally, totals: Totals) -> CollectionOutcome:
    row = job.authorization
    return CollectionOutcome(
        row.id,
        row.facility_id,
        row.provider,
        row.utility,
        job.window,
        meters=totals.meters,
        payloads=tally.payloads,
        readings=tally.readings,
        new=tally.new,
        restated=tally.restated,
        unreadable=tally.unreadable,
        delivered_kwh=totals.delivered_kwh,
        received_kwh=totals.received_kwh,
        covered_days=totals.covered_days,
        due_days=totals.due_days,
        provider_seconds=tally.provider_seconds,
    )
