"""The reckoning: what the product holds beside what the sandbox says it measured.

The sandbox's side is computed from its own functions and its state on disk; nothing of the product
takes part in it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import text

from benchmarks.chaos.customers import Customer
from dcarbon.db import audit_chain
from dcarbon.domain.errors import DCarbonError
from dcarbon.services import grants
from dcarbon.services.runtime import Runtime
from dcarbon_sandbox import loads, restatements
from dcarbon_sandbox.customers import SandboxMeter, customer_by_login
from dcarbon_sandbox.loads import Restatement
from dcarbon_sandbox.state import SandboxState

Readings = dict[tuple[str, int], Decimal]
"""Watt-hours by direction and start (epoch seconds)."""

_STORED = text("""
    select i.direction, extract(epoch from i.start_utc)::bigint as start, i.value, i.duration_s
    from intervals i join meters m on m.id = i.meter_id
    where m.facility_id = :facility and i.unit = 'Wh' and i.measure = 'usage'
      and i.direction in ('delivered', 'received')
      and i.start_utc >= :start and i.start_utc < :end
""")


@dataclass(frozen=True)
class Sandbox:
    """What the sandbox holds, read from its files at one moment of its clock."""

    corrections: Mapping[str, tuple[Restatement, ...]]
    utilityapi_meters: Mapping[str, tuple[datetime, datetime]]
    """By service identifier: what UtilityAPI has collected of a meter."""
    as_of: datetime

    def readings(self, meter: SandboxMeter, start: datetime, end: datetime) -> Readings:
        """Return every reading of ``[start, end)`` as the utility states it."""
        changes = self.corrections.get(meter.id, ())
        found = loads.readings(meter, start, end, as_of=self.as_of, restatements=changes)
        directions = {"delivered": found.delivered_mwh}
        if meter.has_export:
            directions["received"] = found.received_mwh
        return {
            (name, int(at)): Decimal(int(value)) / 1000
            for name, energy in directions.items()
            for at, value in zip(found.start[found.present], energy[found.present], strict=True)
        }


def of_sandbox(directory: Path, meters: Sequence[SandboxMeter], *, as_of: datetime) -> Sandbox:
    """Read a running sandbox's files; they are at most half a second behind it."""
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "state"
        shutil.copytree(directory / "state", copy, ignore=shutil.ignore_patterns(".*"))
        state = SandboxState(copy)
        corrections = {meter.id: restatements.of_meter(state, meter.id) for meter in meters}
        state.close()
        held = orjson.loads((copy / "utilityapi.json").read_bytes())
    return Sandbox(corrections, _held(held, meters), as_of)


def _held(
    records: Mapping[str, Any], meters: Sequence[SandboxMeter]
) -> dict[str, tuple[datetime, datetime]]:
    wanted = {meter.id for meter in meters}
    found: dict[str, tuple[datetime, datetime]] = {}
    for record in records.get("meters", {}).values():
        login = records["authorizations"][record["authorization_uid"]]["login"]
        customer = customer_by_login(login)
        identity = customer.meters[record["index"]].id if customer else ""
        if identity in wanted and record["collected"] is not None:
            start, until = (datetime.fromtimestamp(record[name], UTC) for name in ("from", "until"))
            found[identity] = (start, until)
    return found


@dataclass(frozen=True)
class Compared:
    """One customer's readings beside the sandbox's."""

    right: int
    missing: int
    wrong: int
    extra: int
    double: int

    @property
    def is_whole(self) -> bool:
        return self.right > 0 and not (self.missing or self.wrong or self.extra or self.double)


def compare(runtime: Runtime, customer: Customer, sandbox: Sandbox, *, start: datetime) -> Compared:
    """Compare every reading from ``start`` to the last one the utility has."""
    meter = customer.choice.meter
    end = loads.data_until(meter.zone, sandbox.as_of)
    if customer.choice.utility:
        held = sandbox.utilityapi_meters[meter.id]
        start, end = max(start, held[0]), min(end, held[1])
    expected = sandbox.readings(meter, start, end)
    with runtime.sessions() as session:
        rows = session.execute(
            _STORED, {"facility": customer.facility_id, "start": start, "end": end}
        ).all()
    stored: Readings = {}
    double = 0
    for row in rows:
        double += (row.direction, row.start) in stored or row.duration_s != meter.step_s
        stored[row.direction, row.start] = row.value
    right = sum(stored.get(slot) == value for slot, value in expected.items())
    missing = len(expected.keys() - stored.keys())
    return Compared(
        right=right,
        missing=missing,
        wrong=len(expected) - right - missing,
        extra=len(stored.keys() - expected.keys()),
        double=double,
    )


def lost_payloads(runtime: Runtime) -> tuple[int, list[str]]:
    """Return how many payloads are on record, and those whose bytes are not as recorded."""
    with runtime.sessions() as session:
        rows = session.execute(text("select sha256, byte_count from landed_payloads")).all()
    lost = []
    for row in rows:
        try:
            content = runtime.landing.get(bytes(row.sha256))
        except DCarbonError as error:
            lost.append(f"payload {bytes(row.sha256).hex()[:12]}: {error.code}")
            continue
        if len(content) != row.byte_count:
            lost.append(f"payload {bytes(row.sha256).hex()[:12]}: another length")
    return len(rows), lost


def audit_problems(runtime: Runtime) -> tuple[int, list[str]]:
    """Return the number of entries, and what is missing in the log or broken in its chain."""
    imports = text("""
        select a.id,
               (select count(*) from sync_attempts s where s.authorization_id = a.id
                and s.finished_at is not null and s.error_code is null and s.next_try_at is null),
               (select count(*) from audit_entries e where e.authorization_id = a.id
                and e.event = 'interval_data_imported'),
               (select count(*) from audit_entries e where e.authorization_id = a.id
                and e.event = 'authorization_created')
        from authorizations a where a.authorized_at is not null
    """)
    with runtime.sessions() as session:
        broken = audit_chain.verify(session)
        length = audit_chain.head(session)[0]
        rows = session.execute(imports).all()
    found = [f"the audit chain breaks at {broken}"] if broken is not None else []
    for identity, finished, imported, created in rows:
        if finished != imported:
            found.append(f"{identity}: {finished} finished attempts, {imported} entries")
        if not created:
            found.append(f"{identity}: no authorization_created")
    return length, found


def unfinished(runtime: Runtime) -> list[str]:
    """Return attempts without an end and orders that are still open."""
    with runtime.sessions() as session:
        attempts = session.execute(
            text("select count(*) from sync_attempts where finished_at is null")
        ).scalar_one()
        orders = session.execute(
            text("select kind, last_error_code from work_orders where done_at is null")
        ).all()
    found = [f"{attempts} attempts without an end"] if attempts else []
    return found + [f"an open order: {row[0]}, {row[1]}" for row in orders]


def dead_grants(runtime: Runtime, customers: Sequence[Customer]) -> list[str]:
    """Refresh every Green Button grant once more: a token that is lost cannot be refreshed."""
    found = []
    for customer in customers:
        authorization = customer.authorization(runtime)
        name = f"{customer.choice.login} at {customer.choice.provider}"
        if authorization is None or authorization.status != "authorized":
            found.append(f"{name}: {authorization.status if authorization else 'nothing'}")
        elif not customer.choice.utility:
            try:
                held = grants.access_token(runtime, authorization.id)
                again = grants.access_token(runtime, authorization.id, refused=held)
            except DCarbonError as error:
                found.append(f"{name}: {error.code}")
                continue
            if held == again:
                found.append(f"{name}: the token was not refreshed")
    return found
