"""One evaluation of a sensor, as Dagster's daemon makes it."""

from __future__ import annotations

import dagster as dg

from dcarbon.services.runtime import Runtime


def asked_by(
    sensor: dg.SensorDefinition,
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    runtime: Runtime,
) -> list[dg.RunRequest] | str:
    """Return the runs a sensor asks for, or why it asks for none."""
    with dg.build_sensor_context(
        instance=instance,
        instance_ref=instance.get_ref(),
        repository_def=definitions.get_repository_def(),
        resources={"runtime": runtime},
    ) as context:
        data = sensor.evaluate_tick(context)
    return list(data.run_requests) if data.run_requests else str(data.skip_message)
