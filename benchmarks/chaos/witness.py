"""What was once seen to be committed: it has to be there at the end, as current or as history."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from dcarbon.services.runtime import Runtime

_STATE = (
    "md5(concat_ws('|', readings::text, wide_readings::text, exponent, quality, qualities::text))"
)
_CURRENT = text(f"select series_id, utc_day, {_STATE} from interval_days")
_EARLIER = text(f"select series_id, utc_day, {_STATE} from interval_days_history")
_AUDIT = text("select seq, hash from audit_entries where seq > :seq order by seq")
_SLOTS = text("""
    select i.series_id, extract(epoch from i.start_utc)::bigint, i.value
    from intervals i join meters m on m.id = i.meter_id
    where m.facility_id = :facility and i.utc_day between :first and :last
      and i.start_utc >= :start and i.start_utc < :end and i.unit = 'Wh'
""")
_SLOTS_BEFORE = text("""
    select h.series_id,
           extract(epoch from h.utc_day::timestamp at time zone 'UTC')::bigint
               + (r.slot - 1) * s.interval_s,
           coalesce(r.wide, r.value) * power(10::numeric, h.exponent)
    from interval_days_history h join series s on s.id = h.series_id
    cross join lateral unnest(h.readings, h.wide_readings) with ordinality as r(value, wide, slot)
    where h.series_id = any(:series) and coalesce(r.wide, r.value) is not null
""")

Slot = tuple[UUID, int]


@dataclass
class Witness:
    """Remembers states of interval days and audit entries; asks for them again at the end."""

    states: set[tuple[object, ...]] = field(default_factory=set)
    entries: dict[int, bytes] = field(default_factory=dict)
    corrected: list[dict[Slot, object]] = field(default_factory=list)
    """What was stored of the hours of each correction just before the utility made it."""

    def look(self, runtime: Runtime) -> None:
        with runtime.sessions() as session:
            self.states.update(tuple(row) for row in session.execute(_CURRENT))
            rows = session.execute(_AUDIT, {"seq": max(self.entries, default=0)})
            self.entries.update({row.seq: bytes(row.hash) for row in rows})

    def look_before_correction(
        self, runtime: Runtime, facility_id: UUID, start: datetime, end: datetime
    ) -> None:
        bounds = {"start": start, "end": end, "first": start.date(), "last": end.date()}
        with runtime.sessions() as session:
            rows = session.execute(_SLOTS, {"facility": facility_id, **bounds})
            self.corrected.append({(row[0], row[1]): row[2] for row in rows})

    def problems(self, runtime: Runtime) -> list[str]:
        """Return what was seen once and is no longer to be found."""
        with runtime.sessions() as session:
            kept = {tuple(row) for row in session.execute(_CURRENT)}
            kept.update(tuple(row) for row in session.execute(_EARLIER))
            log = {row.seq: bytes(row.hash) for row in session.execute(_AUDIT, {"seq": 0})}
        found = []
        if lost := self.states - kept:
            found.append(f"{len(lost)} states of interval days that were seen are gone")
        if gone := [seq for seq, seen in self.entries.items() if log.get(seq) != seen]:
            found.append(f"{len(gone)} audit entries that were seen are gone or others")
        return found

    def restated(self, runtime: Runtime) -> tuple[int, list[str]]:
        """Count corrected readings whose earlier value is in the history; name what is not."""
        kept, missing = 0, 0
        for before in self.corrected:
            series = list({identity for identity, _ in before})
            with runtime.sessions() as session:
                history: dict[Slot, set[object]] = {}
                for row in session.execute(_SLOTS_BEFORE, {"series": series}):
                    history.setdefault((row[0], row[1]), set()).add(row[2])
                now = self._now(runtime, series)
            for slot, value in before.items():
                if now.get(slot) == value:
                    continue
                if value in history.get(slot, ()):
                    kept += 1
                else:
                    missing += 1
        lost = [f"{missing} corrected readings without their earlier value"] if missing else []
        return kept, lost

    @staticmethod
    def _now(runtime: Runtime, series: list[UUID]) -> dict[Slot, object]:
        statement = text(
            "select series_id, extract(epoch from start_utc)::bigint, value from intervals"
            " where series_id = any(:series)"
        )
        with runtime.sessions() as session:
            rows = session.execute(statement, {"series": series})
            return {(row[0], row[1]): row[2] for row in rows}
