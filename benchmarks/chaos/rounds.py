"""Rounds: load, trouble, and a kill at a random moment."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx2
from sqlalchemy import text

from benchmarks.chaos import asks, customers, stack, trouble
from benchmarks.chaos.customers import Choice, Customer
from benchmarks.chaos.in_flight import HOLDERS, InFlight
from benchmarks.chaos.room import Room
from benchmarks.chaos.stack import Stack
from benchmarks.chaos.witness import Witness
from dcarbon import settings
from dcarbon.domain.errors import DCarbonError
from dcarbon.domain.states import AuthStatus
from dcarbon.services import work
from dcarbon.services.runtime import Runtime, open_runtime

ONE_TIME_REFRESH = ("pge", "sce")
BUSY_LIMIT_S = 40.0
PACIFIC = ZoneInfo("America/Los_Angeles")
_UNDER_WAY = text(
    "select count(*) from sync_attempts where finished_at is null and started_at > :since"
)
_WAITING = text("select authorization_id from work_orders where done_at is null")


@dataclass(frozen=True)
class Round:
    """What one round was, for its line of progress."""

    number: int
    killed: str
    busy: bool
    """Whether something was being collected when it was killed."""
    faults: Sequence[str]
    jump: str
    corrections: int
    seconds: float


@dataclass
class Chaos:
    """One long-lived installation and what is done to it."""

    stack: Stack
    runtime: Runtime
    room: Room
    rng: random.Random
    began: datetime
    orders: int
    """How many customers are ordered anew in a round, beside what is open still."""
    people: list[Customer] = field(default_factory=list)
    witness: Witness = field(default_factory=Witness)
    in_flight: InFlight = field(default_factory=InFlight)
    faults: Counter[str] = field(default_factory=Counter)

    @property
    def first(self) -> datetime:
        """From when on readings are collected and compared."""
        return self.began - timedelta(days=self.stack.history_days - 1)

    def let_in(self, choices: Sequence[Choice]) -> None:
        """Have customers authorise in peace."""
        for choice in choices:
            customer = customers.register(self.runtime, choice)
            assert customer.authorise(self.runtime), f"{choice} could not authorise"
            self.people.append(customer)

    def round(self, number: int, kind: str, *, newcomer: Choice | None = None) -> Round:
        """Start what is dead, make load and trouble, kill ``kind``, and look what is there.

        A ``newcomer`` comes back from the utility in the moment of the kill.
        """
        begun = time.monotonic()
        self.stack.ensure_all()
        jump = self._jump()
        corrections = self._correct()
        self._announce()
        drawn = trouble.faults(self.rng)
        for rule in drawn:
            self.room.add_fault(rule)
        self._order()
        busy = self._until_busy()
        time.sleep(self.rng.uniform(0.0, 2.0))
        if newcomer is None:
            self._kill(kind)
        else:
            self._kill_under(newcomer, kind)
        time.sleep(self.rng.uniform(0.0, 1.0))
        self.stack.ensure("postgres")
        self.room.clear_faults()
        self.witness.look(self.runtime)
        self.bring_back()
        kinds = sorted(str(rule["kind"]) for rule in drawn)
        self.faults.update(kinds)
        spent = time.monotonic() - begun
        return Round(number, kind, busy, kinds, jump, corrections, spent)

    def repull(self, customer: Customer, start: datetime, end: datetime) -> None:
        """Order a window of one customer again, as an administrator does."""
        known = customer.authorization(self.runtime)
        if known is None or known.status != AuthStatus.AUTHORIZED:
            return
        with self.runtime.sessions.begin() as session:
            work.open_collection(
                session,
                known.id,
                reason="chaos",
                now=self.runtime.now(),
                kind="repull",
                start=start,
                end=end,
            )

    def bring_back(self) -> None:
        """Have customers authorise again whose access is gone, as the product asks them to, and
        those whose return met a web app that was just killed.
        """
        with self.runtime.sessions() as session:
            waiting = set(session.scalars(_WAITING))
        for customer in self.people:
            known = customer.authorization(self.runtime)
            if known is not None and (known.status == AuthStatus.AUTHORIZED or known.id in waiting):
                continue
            if known is not None and known.authorized_at is not None:
                name = f"{customer.choice.login}: {known.status}, {known.reason_code}"
                self.in_flight.weigh(name, known.external_id, self.stack.home / "sandbox")
            self.stack.ensure("web")
            with suppress(DCarbonError):
                customer.authorise(self.runtime)

    def _jump(self) -> str:
        """Move the product's clock and the sandbox's: together, one before the other, or back."""
        kind = self.rng.choice(("both ahead", "both ahead", "sandbox further", "product back"))
        if kind == "product back":
            self.stack.clock.advance(-timedelta(minutes=self.rng.randint(1, 50)))
        else:
            self.stack.clock.advance(timedelta(hours=self.rng.uniform(5, 11)))
        further = timedelta(hours=2) if kind == "sandbox further" else timedelta()
        # The sandbox's clock never goes back: what it said of a day, it has said.
        self.room.run_clock_from(max(self.room.now(), self.stack.clock.now() + further))
        return kind

    def correct(self, customer: Customer, start: datetime, end: datetime, factor: float) -> None:
        """Let a utility correct hours, once it is noted what is stored of them."""
        self.witness.look_before_correction(self.runtime, customer.facility_id, start, end)
        self.room.restate(customer.choice.meter.id, start, end, factor)

    def _correct(self) -> int:
        """Let utilities correct readings, whether they are stored already or not."""
        count = self.rng.randint(1, 3)
        last = self.room.now() - timedelta(days=2)
        for _ in range(count):
            start, end, factor = trouble.correction(self.rng, first=self.first, last=last)
            self.correct(self.rng.choice(self.people), start, end, factor)
        return count

    def _announce(self) -> None:
        """Have UtilityAPI tell twice and in reverse, and custodians announce out of turn."""
        names = ("webhook_reorder", "webhook_duplicate", "overlap")
        self.room.configure_utilityapi(**{name: self.rng.random() < 0.5 for name in names})
        self.room.ping()
        mode = self.rng.choice(("off", "subscription"))
        self.room.switch("sce", asynchronous=mode, asynchronous_delay_s=0.3)
        for customer in self.people:
            known = customer.authorization(self.runtime)
            if customer.choice.utility or known is None or known.external_id is None:
                continue
            if self.rng.random() < 0.3:
                for verb in self.rng.sample(("announce-data", "notify", "announce-data"), 2):
                    self.room.act(known.external_id, verb)

    def _order(self) -> None:
        """Ask for days of some customers again: the latest, a time change, or all there is."""
        with self.runtime.sessions() as session:
            waiting = set(session.scalars(_WAITING))
        known = {one.facility_id: one.authorization(self.runtime) for one in self.people}
        free = [
            one
            for one in self.people
            if (row := known[one.facility_id]) is not None and row.id not in waiting
        ]
        for customer in self.rng.sample(free, min(self.orders, len(free))):
            now = self.runtime.now()
            starts = (now - timedelta(days=10), self.first, *trouble.DAYLIGHT_SAVING)
            start = max(self.rng.choice(starts), self.first)
            length = timedelta(days=self.rng.choice((12, 400)))
            self.repull(customer, start, min(start + length, now))
        if self.rng.random() < 0.4:
            self._ask_for_a_sync()

    def _ask_for_a_sync(self) -> None:
        """Ask for the day before in the shards of two customers, as the schedule does by night."""
        day = self.runtime.now().astimezone(PACIFIC).date() - timedelta(days=1)
        known = [customer.authorization(self.runtime) for customer in self.people]
        shards = sorted({one.shard for one in known if one is not None})
        chosen = self.rng.sample(shards, min(2, len(shards)))
        keys = [f"{day.isoformat()}|shard-{shard:02d}" for shard in chosen]
        asks.ask(self.stack.home / "asks", keys)

    def _until_busy(self) -> bool:
        """Wait until something is being collected; say whether it is."""
        deadline = time.monotonic() + BUSY_LIMIT_S
        since = self.runtime.now() - timedelta(seconds=10)
        while time.monotonic() < deadline:
            with self.runtime.sessions() as session:
                if session.execute(_UNDER_WAY, {"since": since}).scalar_one():
                    return True
            time.sleep(0.02)
        return False

    def _kill(self, kind: str) -> None:
        if kind in HOLDERS:
            self.in_flight.kills.append(self.room.now())
        if kind == "run":
            for pid in self.rng.sample(runs := self.stack.runs(), min(1, len(runs))):
                self.stack.kill_run(pid)
        elif kind == "everything":
            # As when the power goes: whatever order they die in, none says a word.
            names = ["postgres", "web", *self.stack.collecting]
            for name in self.rng.sample(names, len(names)):
                self.stack.kill(name)
        else:
            self.stack.kill(kind)

    def _kill_under(self, choice: Choice, kind: str) -> None:
        """Kill while a customer is on the way back from the utility to the web app."""
        customer = customers.register(self.runtime, choice)
        self.people.append(customer)
        with suppress(DCarbonError):
            visitor, back = customer.visit(self.runtime)
            timer = threading.Timer(self.rng.uniform(0.0, 0.2), self._kill, [kind])
            timer.start()
            with closing(visitor.http), suppress(httpx2.HTTPError):
                visitor.http.get(back)
            timer.join()
            return
        self._kill(kind)


@contextmanager
def chaos(
    home: Path, *, seed: int, at: datetime, with_dagster: bool, history_days: int, orders: int = 4
) -> Iterator[Chaos]:
    """Start an installation whose clock starts at ``at``, and a harness that uses its services."""
    with stack.running(
        home, at=at, with_dagster=with_dagster, history_days=history_days
    ) as running:
        room = Room(running.sandbox)
        room.run_clock_from(at)
        for utility in stack.GREEN_BUTTON:
            once = utility in ONE_TIME_REFRESH
            room.switch(utility, rate_per_s=None, one_time_refresh=once)
        chosen = settings.load(
            {
                name: value
                for name, value in running.environment.items()
                if name.startswith(settings.PREFIX)
            }
        )
        with open_runtime(chosen, clock=running.clock.now) as runtime:
            yield Chaos(running, runtime, room, random.Random(seed), at, orders)
