"""Corrections of reported months. Rules live in ``services.generation_adjustments``."""

import dagster as dg

from dcarbon.services import generation_adjustments
from dcarbon.services.runtime import Runtime


@dg.sensor(
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sees reported months whose stored generation has changed: opens a correction "
    "with the full new total, once, and mails the facility's people. Starts no runs.",
)
def reported_months(runtime: dg.ResourceParam[Runtime]) -> dg.SkipReason:
    """Look and open; the words say what came of it."""
    done = generation_adjustments.look(runtime)
    words = [
        f"{count} {what}"
        for count, what in (
            (done.opened, "opened"),
            (done.updated, "brought up to date"),
            (done.withdrawn, "withdrawn"),
            (done.failed, "could not be compared"),
        )
        if count
    ]
    if not words:
        return dg.SkipReason("No reported month has changed.")
    return dg.SkipReason(f"Corrections: {', '.join(words)}.")
