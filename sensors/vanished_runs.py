"""Runs whose process was killed end within minutes, so that their work is taken up again."""

import json
import time

import dagster as dg

from dcarbon.services.runtime import Runtime
from dcarbon_pipelines import run_health


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends runs whose process is gone (killed, out of memory, its machine stopped): "
    "Dagster would show them as running for an hour. Starts no runs itself.",
    tags={"dcarbon/domain": "operation"},
)
def vanished_runs(
    context: dg.SensorEvaluationContext, runtime: dg.ResourceParam[Runtime]
) -> dg.SkipReason:
    """End the runs that gave no sign of life in two looks."""
    origin = context.code_location_origin
    look = run_health.end_vanished(
        context.instance,
        runtime,
        location=origin.location_name if origin else None,
        at=time.time(),
        missed_before=json.loads(context.cursor or "[]"),
    )
    context.update_cursor(json.dumps(look.missed))
    if look.ended:
        return dg.SkipReason(f"Ended {look.ended} runs whose process is gone.")
    if look.missed:
        return dg.SkipReason(f"{len(look.missed)} runs give no sign of life; looked at again soon.")
    return dg.SkipReason("Every started run gives signs of life.")
