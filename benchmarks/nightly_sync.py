"""A night's sync by sixteen real runs, beside a loop that only fetches; unchanged; with failures.

Run as ``python -m benchmarks.nightly_sync``; ``SIZES=100,1000`` chooses how many authorizations.
Runs and loop take turns, two shards at a time, so that a slow minute of the machine slows both.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from statistics import mean

from rich.table import Table

from benchmarks import sync_failures
from benchmarks.harness import MEGABYTE, report, show
from benchmarks.sync_fixture import LAST_DAY, Place, busy, channels, end_tokens, furnish, place
from benchmarks.sync_nights import Costs, answers, attempts, night, written
from benchmarks.sync_workers import WORKERS, Worker, workers
from dcarbon.db.authorizations import SHARDS
from dcarbon.services.runtime import Runtime
from dcarbon.services.syncing import DAILY

SIZES = "100,1000,10000"
MORE_UP_TO = 1_000
"""Larger sizes have their night and the bare loop only: four nights more would take an hour."""
MOST_TIMES_BARE = 2.0
MOST_GROWN = 1.2
GOAL = (
    f"at the largest size at most {MOST_TIMES_BARE:g}x the bare loop; processor time per"
    f" authorization there at most {MOST_GROWN - 1:.0%} more than at the smallest"
)
FIRST, MEASURED, SPOILED = (LAST_DAY - timedelta(days=days) for days in (2, 1, 0))


def main() -> None:
    """Measure every size; each has a database, a sandbox and Dagster of its own."""
    sizes = [int(size) for size in os.environ.get("SIZES", SIZES).split(",")]
    figures: dict[str, object] = {"load_before": busy(), "workers": WORKERS, "runs": SHARDS}
    nights: list[tuple[Costs, Costs]] = []
    for size in sizes:
        with place() as where, where.runtime() as runtime:
            say(f"{size:,} authorizations: furnishing")
            furnish(where, runtime, size)
            with workers(where) as hands:
                found, sync, bare = measure(where, runtime, hands, size)
        nights.append((sync, bare))
        figures |= {f"{size}: {name}": value for name, value in found.items()}
    ratio = nights[-1][0].wall_s / nights[-1][1].wall_s
    costs = [float(str(figures[f"{size}: cpu_ms_each_beyond_the_runs"])) for size in sizes]
    grown = costs[-1] / costs[0]
    figures |= {"times_bare": ratio, "grown": grown, "load_after": busy()}
    compare(sizes, nights)
    report("nightly_sync", figures, GOAL, ratio <= MOST_TIMES_BARE and grown <= MOST_GROWN)


def measure(
    where: Place, runtime: Runtime, hands: Sequence[Worker], size: int
) -> tuple[dict[str, object], Costs, Costs]:
    """Run the nights of one size."""
    say("the night before: meters are found")
    night(where, hands, FIRST, DAILY, size)
    bare = Costs(size)
    say("the night, beside the bare loop")
    sync = night(where, hands, MEASURED, DAILY, size, beside=bare)
    sync.answers, readings = answers(runtime, f"{DAILY}:{MEASURED}")
    found: dict[str, object] = {
        "channels": channels(runtime),
        "readings": readings,
        "same_answers": sync.answers == bare.answers,
        "seconds_before_a_run_begins": mean(hand.ready_s for hand in hands),
    }
    found |= described(sync) | {f"bare_{name}": value for name, value in described(bare).items()}
    found |= {
        "times_bare": sync.wall_s / bare.wall_s,
        "times_bare_collecting_only": sync.collecting_s / bare.wall_s,
    }
    found |= idle(where, runtime, hands, sync)
    if size <= MORE_UP_TO:
        found |= again(where, runtime, hands, size)
        found |= refreshing(where, runtime, hands, size)
        found |= failing(where, runtime, hands, sync)
    return found, sync, bare


def idle(where: Place, runtime: Runtime, hands: Sequence[Worker], sync: Costs) -> dict[str, object]:
    """Run the same sync once more: nothing is repeated, so this is what sixteen runs cost as such.

    What is over that is what an authorization costs, however many there are.
    """
    say("the same sync once more: everybody is settled")
    before = answers(runtime, f"{DAILY}:{MEASURED}")
    costs = night(where, hands, MEASURED, DAILY, sync.authorizations)
    return {
        "idle_wall_s": costs.wall_s,
        "idle_cpu_s": costs.ours_cpu_s + costs.server_cpu_s,
        "idle_asked_nobody": answers(runtime, f"{DAILY}:{MEASURED}") == before,
        "cpu_ms_each_beyond_the_runs": sync.cpu_ms - costs.cpu_ms,
    }


def again(where: Place, runtime: Runtime, hands: Sequence[Worker], size: int) -> dict[str, object]:
    """Ask for the same day again, all of it, and see that nothing is written for it."""
    say("the same day again")
    with written(runtime) as found:
        costs = night(where, hands, MEASURED, "again", size)
    return {
        "again_wall_s": costs.wall_s,
        "again_days_written": found.days,
        "again_wal_bytes_per_authorization": found.wal_bytes / size,
    }


def refreshing(
    where: Place, runtime: Runtime, hands: Sequence[Worker], size: int
) -> dict[str, object]:
    """Ask once more with every token ended, as a night finds them: utilities' live an hour."""
    say("the same day, every access token refreshed first")
    end_tokens(runtime)
    costs = night(where, hands, MEASURED, "refreshed", size)
    return {
        "refreshing_wall_s": costs.wall_s,
        "refreshing_attempts": attempts(runtime, f"refreshed:{MEASURED}"),
    }


def failing(
    where: Place, runtime: Runtime, hands: Sequence[Worker], clean: Costs
) -> dict[str, object]:
    """Let one in twenty fail: everybody has an attempt that says how it went, no run fails."""
    say("a night with failures")
    spoiled = sync_failures.spoil(where, runtime)
    costs = night(where, hands, SPOILED, DAILY, clean.authorizations)
    ended = attempts(runtime, f"{DAILY}:{SPOILED}")
    sync_failures.mend(where)
    say("the day after: what was missed is fetched")
    night(where, hands, SPOILED, "mended", clean.authorizations)
    mended = attempts(runtime, f"mended:{SPOILED}")
    return {
        "failing_made": dict(spoiled),
        "failing_attempts": ended,
        "failing_lost": clean.authorizations - sum(ended.values()),
        "failing_wall_s": costs.wall_s,
        "failing_times_clean": costs.wall_s / clean.wall_s,
        "mended_attempts": mended,
    }


def described(costs: Costs) -> dict[str, object]:
    """Return what one kind of night costs."""
    return {
        "wall_s": costs.wall_s,
        "collecting_s": costs.collecting_s,
        "wall_ms_each": costs.each_ms(costs.wall_s),
        "ours_cpu_ms_each": costs.each_ms(costs.ours_cpu_s),
        "database_cpu_ms_each": costs.each_ms(costs.server_cpu_s),
        "sandbox_cpu_ms_each": costs.each_ms(costs.sandbox_cpu_s),
        "answers": costs.answers,
        "peak_mb": costs.peak_bytes / MEGABYTE,
    }


def compare(sizes: Sequence[int], nights: Sequence[tuple[Costs, Costs]]) -> None:
    """Show the sizes beside each other."""
    table = Table("authorizations", "", "wall s", "ms each", "CPU ms each: ours", "database")
    table.add_column("sandbox")
    table.title = f"one night in {SHARDS} runs, {WORKERS} at a time"
    for size, (sync, bare) in zip(sizes, nights, strict=True):
        for name, costs in (("sync", sync), ("bare", bare)):
            seconds = (costs.ours_cpu_s, costs.server_cpu_s, costs.sandbox_cpu_s)
            table.add_row(
                f"{size:,}",
                name,
                f"{costs.wall_s:.1f}",
                f"{costs.each_ms(costs.wall_s):.1f}",
                *(f"{costs.each_ms(one):.1f}" for one in seconds),
            )
    show(table)


def say(words: str) -> None:
    """Tell people what goes on: the largest size takes half an hour."""
    print(words, flush=True)


if __name__ == "__main__":
    main()
