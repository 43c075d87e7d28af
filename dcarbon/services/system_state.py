"""How the house is right now, in words: what the System page shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import chain

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db import migrate, privileges, sealed_secrets, sealing_keys
from dcarbon.db.audit import AuditEntry
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.system_words import PARTS, State
from dcarbon.providers.profiles import PROFILES
from dcarbon.services import operation_figures, system_checks, system_machine
from dcarbon.services.runtime import Runtime
from dcarbon.services.system_checks import Finding, KeysFound

_URGENCY = {state: place for place, state in enumerate(State)}
_ORDER = {part: place for place, part in enumerate(PARTS)}


@dataclass(frozen=True, slots=True)
class SystemState:
    """Every finding, the worst first, as of ``at``."""

    at: datetime
    findings: Sequence[Finding]

    @property
    def state(self) -> State:
        """The worst of all."""
        return self.findings[0].state

    def of(self, state: State) -> Sequence[Finding]:
        return [finding for finding in self.findings if finding.state is state]


def read(runtime: Runtime) -> SystemState:
    """Look at everything now. Raises what the driver raises when the database is away."""
    figures = operation_figures.read(runtime)
    with runtime.sessions() as session:
        keys = _keys(session, runtime)
        head_at, rights = _last_head(session), privileges.of_log(session)
    names = {key: runtime.providers.profile(key).name for key in PROFILES}
    found = chain(
        system_checks.of_database(figures, schema=migrate.current(runtime.engine), needed=_head()),
        system_checks.of_disks(system_machine.disks(runtime.settings)),
        system_checks.of_store(system_machine.store(runtime.landing)),
        system_checks.of_pipelines(figures),
        system_checks.of_syncs(figures, runtime.settings),
        system_checks.of_orders(figures),
        system_checks.of_providers(figures, names),
        system_checks.of_mail(figures, runtime.settings),
        system_checks.of_keys(keys),
        system_checks.of_audit(figures, head_at=head_at, rights=rights),
        system_checks.of_clock(figures),
        system_checks.of_settings(runtime.settings),
    )
    return SystemState(figures.now, sorted(found, key=_urgency))


def _urgency(finding: Finding) -> tuple[int, int]:
    return _URGENCY[finding.state], _ORDER[finding.part]


def _keys(session: Session, runtime: Runtime) -> KeysFound:
    counts = sealed_secrets.in_use(session, now=runtime.now())
    ring = runtime.keys.given.reread() or runtime.keys.given.ring
    in_force = sealing_keys.in_force(session)
    return KeysFound(
        in_use={key: sum(columns.values()) for key, columns in counts.items()},
        held=tuple(ring.ids),
        current=in_force.key_id if in_force else ring.current_id,
    )


def _last_head(session: Session) -> datetime | None:
    """Return when a head of the audit log was kept last, as the log itself says."""
    kept = select(AuditEntry.at).where(AuditEntry.event == AuditEvent.AUDIT_HEAD_KEPT)
    return session.scalar(kept.order_by(AuditEntry.at.desc()).limit(1))


@cache
def _head() -> str | None:
    return migrate.head()
