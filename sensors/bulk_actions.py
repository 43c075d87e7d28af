"""Bulk actions that nobody looks at go on. What they do to each is in ``services.bulk_actions``."""

import dagster as dg

from dcarbon.services import bulk_actions
from dcarbon.services.runtime import Runtime


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Goes on with retrying and ending many authorizations where an administrator asked "
    "for it and left the page. Starts no runs.",
)
def unfinished_bulk_actions(runtime: dg.ResourceParam[Runtime]) -> dg.SkipReason:
    """Do a part of each."""
    count = bulk_actions.go_on_with_all(runtime)
    words = "1 bulk action was" if count == 1 else f"{count} bulk actions were"
    return dg.SkipReason(f"{words} gone on with." if count else "No bulk action is unfinished.")
