"""Asynchronous batches: 202 now, a notification when the answer is ready (reference 4.4)."""

from __future__ import annotations

import time
import uuid
from dataclasses import asdict, dataclass
from typing import Literal

from dcarbon_sandbox.faults import Faults
from dcarbon_sandbox.green_button.dialects import Dialect
from dcarbon_sandbox.green_button.notifications import Notifier
from dcarbon_sandbox.green_button.profiles import Profile
from dcarbon_sandbox.green_button.store import SECTION, Store

UNPROCESSED = "An unprocessed batch request for the same resource already exists"
_KEPT_S = 2 * 86400
_REPEATED_S = 600  # the same address asked again within this time gets the prepared answer


@dataclass(frozen=True)
class Batch:
    """A batch that was asked for. ``uri`` is without the correlation id; ``ready_at`` real time."""

    id: str
    utility: str
    uri: str
    ready_at: float


class Batches:
    """Which batches of a utility are being prepared or ready."""

    def __init__(
        self, profile: Profile, dialect: Dialect, store: Store, notifier: Notifier, faults: Faults
    ) -> None:
        self._profile, self._dialect = profile, dialect
        self._store, self._notifier, self._faults = store, notifier, faults
        self._providers = frozenset({"green_button", profile.code})

    def is_asynchronous(self, kind: Literal["bulk", "subscription", "part"]) -> bool:
        """Say whether a batch of this kind answers 202 first."""
        wanted = self._store.switches(self._profile).asynchronous
        level = {"off": 0, "bulk": 1, "subscription": 2, "all": 3}[wanted]
        if level >= {"bulk": 1, "subscription": 2, "part": 3}[kind]:
            return True
        return self._faults.take("asynchronous", providers=self._providers) is not None

    def find(self, uri: str, correlation_id: str | None) -> Batch | None:
        """Return the batch asked for under this address, pending or ready."""
        with self._store.state.lock:
            records = self._store.part("batches")
            if correlation_id is not None:
                record = records.get(correlation_id)
                return Batch(**record) if record and record["uri"] == uri else None
            since = time.time() - _REPEATED_S
            for record in records.values():
                known = record["uri"] == uri and record["utility"] == self._profile.code
                if known and record["ready_at"] > since:
                    return Batch(**record)
        return None

    def is_ready(self, batch: Batch) -> bool:
        return time.time() >= batch.ready_at

    def begin(self, uri: str) -> Batch:
        """Record a new batch and let the notification follow, or not, as the faults say."""
        delay = self._store.switches(self._profile).asynchronous_delay_s
        first = self._faults.take("notify_first", providers=self._providers)
        ready_at = time.time() + (0 if first else delay)
        batch = Batch(str(uuid.uuid4()), self._profile.code, uri, ready_at)
        with self._store.state.changing(SECTION):
            records = self._store.part("batches")
            for old in [k for k, b in records.items() if b["ready_at"] + _KEPT_S < time.time()]:
                del records[old]
            records[batch.id] = asdict(batch)
        if first:
            self._notifier.send_now(self._profile.code, self._dialect, [self.address(batch)])
        elif not self._faults.take("notify_lost", providers=self._providers):
            self._announce(batch, delay)
        return batch

    def resume(self) -> None:
        """After a restart, announce again what was still pending."""
        for record in list(self._store.part("batches").values()):
            if record["utility"] == self._profile.code:
                batch = Batch(**record)
                self._announce(batch, max(0.0, batch.ready_at - time.time()))

    def address(self, batch: Batch) -> str:
        """Return the address the notification names; PG&E adds a correlation id."""
        if self._dialect.name != "pge":
            return batch.uri
        mark = "&" if "?" in batch.uri else "?"
        return f"{batch.uri}{mark}correlationID={batch.id}"

    def _announce(self, batch: Batch, delay: float) -> None:
        times = 2 if self._faults.take("notify_twice", providers=self._providers) else 1
        for _ in range(times):
            self._notifier.send(
                self._profile.code, self._dialect, [self.address(batch)], after_s=delay
            )
