"""Kill the product's processes at random under load, fifty times, and see that nothing is lost.

Run as ``python -m benchmarks.nothing_lost``; ``ROUNDS`` and ``SEED`` in the environment choose how
many and which. PostgreSQL, web app, Dagster's daemon and its runs are real processes on a sandbox
that throttles, breaks off, answers nonsense, corrects itself and announces twice and in disorder.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table

from benchmarks.chaos import customers, reckoning, rounds
from benchmarks.chaos.reckoning import Result
from benchmarks.chaos.rounds import Round
from benchmarks.harness import report, show

ROUNDS = int(os.environ.get("ROUNDS", "50"))
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
BEGIN = datetime(2026, 10, 30, 18, tzinfo=UTC)
"""Two days before clocks go back; each round moves on by some hours."""
HISTORY_DAYS = 250
"""Back to before the day in March on which clocks went forward."""
AT_FIRST = 8
KINDS = ("run", "postgres", "run", "daemon", "web", "run", "code", "everything")
GOAL = (
    "every reading once with the right value, every correction with its earlier state, no token "
    "lost, every audit entry there"
)


def main() -> None:
    print(f"SEED={SEED} ROUNDS={ROUNDS}", flush=True)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dcarbon-chaos-") as place:
        home = Path(place) / "installation"
        print(f"logs under {home / 'logs'} while it runs", flush=True)
        told, result = _run(home)
    _show(told)
    for problem in result.problems:
        print(f"PROBLEM {problem}", flush=True)
    figures = {"seed": SEED, "rounds": len(told), **result.figures}
    figures |= {"problems": len(result.problems), "minutes": (time.monotonic() - begun) / 60}
    report("nothing_lost", figures, GOAL, not result.problems)
    sys.exit(bool(result.problems))


def _run(home: Path) -> tuple[list[Round], Result]:
    told: list[Round] = []
    with rounds.chaos(
        home, seed=SEED, at=BEGIN, with_dagster=True, history_days=HISTORY_DAYS
    ) as chaos:
        chaos.stack.ensure_all()
        chaos.let_in(customers.CHOICES[:AT_FIRST])
        newcomers = iter(customers.CHOICES[AT_FIRST:])
        for number, kind in enumerate(_kinds(chaos.rng), start=1):
            newcomer = next(newcomers, None) if kind == "web" else None
            told.append(chaos.round(number, kind, newcomer=newcomer))
            _say(told[-1])
        print("calm: everything settles, then it is compared", flush=True)
        return told, reckoning.reckon(chaos)


def _kinds(rng: random.Random) -> Iterator[str]:
    """Yield what is killed in each round: every kind in its turn, in an order drawn anew."""
    left: list[str] = []
    for _ in range(ROUNDS):
        left = left or rng.sample(KINDS, len(KINDS))
        yield left.pop()


def _say(one: Round) -> None:
    print(
        f"round {one.number:>3}  kill {one.killed:<10} {'busy' if one.busy else 'idle'}  "
        f"{one.jump:<15} {one.corrections} corrections  {one.seconds:5.1f} s  "
        f"{', '.join(one.faults)}",
        flush=True,
    )


def _show(told: list[Round]) -> None:
    table = Table("killed", "times", "while collecting", "seconds each", title="rounds")
    for kind in sorted({one.killed for one in told}):
        of_kind = [one for one in told if one.killed == kind]
        seconds = sum(one.seconds for one in of_kind) / len(of_kind)
        busy = sum(one.busy for one in of_kind)
        table.add_row(kind, str(len(of_kind)), str(busy), f"{seconds:.1f}")
    show(table)


if __name__ == "__main__":
    main()
