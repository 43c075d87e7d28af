"""The end: all trouble is over, the product comes to rest by itself, everything is compared."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text

from benchmarks.chaos import truth
from benchmarks.chaos.rounds import ONE_TIME_REFRESH, Chaos
from dcarbon.services.work import LONGEST_RUN

LIMIT_S = 600.0
OURS = ("web", "collector")
"""What has to outlive the loss of its database. Dagster's processes may be started again."""
MAY_END = "PostgreSQL at"
"""Words of a process that was started while the database was away."""
STEP = timedelta(minutes=11)
"""How far the clock is moved at once: further than the same order is not asked for twice."""
STILL_S = 5.0
"""For so long nothing may be open or told at the end: the sandbox's files are half a second behind,
and what a utility tells becomes an order when the web app has heard it.
"""
_STEP_EVERY_S = 10.0
_OPEN = text("""
    select count(*), count(*) filter (where not_before <= :now) from work_orders
    where done_at is null
""")


@dataclass(frozen=True)
class Result:
    """``problems`` is empty when nothing was lost."""

    problems: list[str]
    figures: dict[str, object]


def reckon(chaos: Chaos) -> Result:
    """Let the product settle, then compare everything it holds with what the sandbox says."""
    settle(chaos)
    runtime = chaos.runtime
    problems = truth.unfinished(runtime)
    readings, wrong = compare_readings(chaos)
    payloads, lost = truth.lost_payloads(runtime)
    entries, holes = truth.audit_problems(runtime)
    restated, without = chaos.witness.restated(runtime)
    problems += wrong + lost + holes + without + chaos.witness.problems(runtime)
    problems += truth.dead_grants(runtime, chaos.people)
    problems += [f"a token was lost without a kill: {one}" for one in chaos.in_flight.unexplained]
    problems += [
        f"ended by itself: {one}"
        for one in chaos.stack.died
        if one.startswith(OURS) and MAY_END not in one
    ]
    return Result(
        problems,
        {
            "customers": len(chaos.people),
            "readings_right": readings,
            "corrected_readings_with_history": restated,
            "states_witnessed": len(chaos.witness.states),
            "payloads": payloads,
            "audit_entries": entries,
            "kills": dict(sorted(chaos.stack.kills.items())),
            "faults_set": dict(sorted(chaos.faults.items())),
            "refresh_answers_cut_off": len(chaos.in_flight.explained),
            "ended_by_themselves": chaos.stack.died,
        },
    )


def settle(chaos: Chaos) -> None:
    """Clear all trouble, let what is open be done, and have everything asked for once more.

    In between every utility corrects a day that is stored, so that there is a history to look for.
    Corrections of long ago are in no sync's overlap: the last orders are those an administrator
    gives for the whole time. The sandbox's clock stands still from then on, so that what a utility
    says stays the same until it is compared.
    """
    chaos.room.clear_faults()
    chaos.room.configure_utilityapi(webhook_reorder=False, webhook_duplicate=False, overlap=False)
    for utility in ONE_TIME_REFRESH:
        chaos.room.switch(utility, asynchronous="off")
    _rest(chaos)
    chaos.bring_back()
    _rest(chaos)
    for customer in chaos.people:
        chaos.correct(
            customer, chaos.began - timedelta(days=5), chaos.began - timedelta(days=4), 1.5
        )
    # A sync that was killed and not asked for again is taken for gone after this long.
    chaos.stack.clock.advance(LONGEST_RUN)
    now = chaos.stack.clock.now()
    chaos.room.freeze(max(now, chaos.room.now()))
    for customer in chaos.people:
        chaos.repull(customer, chaos.first, now)
    _rest(chaos, still_s=STILL_S)


def compare_readings(chaos: Chaos) -> tuple[int, list[str]]:
    """Return how many readings are right, and whose are not."""
    meters = [customer.choice.meter for customer in chaos.people]
    directory = chaos.stack.home / "sandbox"
    sandbox = truth.of_sandbox(directory, meters, as_of=chaos.room.now())
    right, wrong = 0, []
    for customer in chaos.people:
        compared = truth.compare(chaos.runtime, customer, sandbox, start=chaos.first)
        right += compared.right
        if not compared.is_whole:
            wrong.append(f"{customer.choice.login} at {customer.choice.provider}: {compared}")
    return right, wrong


def _rest(chaos: Chaos, *, still_s: float = 0.0) -> None:
    """Wait until no order is open and no utility is about to open one, for ``still_s`` seconds.

    Waits of the product end with its clock.
    """
    deadline = time.monotonic() + (LIMIT_S if chaos.stack.with_dagster else LIMIT_S / 5)
    moved = stirred = time.monotonic()
    while time.monotonic() < deadline:
        chaos.stack.ensure_all()
        with chaos.runtime.sessions() as session:
            opened, due = session.execute(_OPEN, {"now": chaos.runtime.now()}).one()
        if opened or (still_s and chaos.room.is_telling()):
            stirred = time.monotonic()
        elif time.monotonic() - stirred >= still_s:
            return
        if opened and (not due or time.monotonic() - moved > _STEP_EVERY_S):
            chaos.stack.clock.advance(STEP)
            moved = time.monotonic()
        time.sleep(0.2)
