"""Outages of utilities: each paused one is tried when its time has come, and administrators learn
of long ones. Rules live in ``services.provider_health``.
"""

import dagster as dg

from dcarbon.services import provider_health
from dcarbon.services.runtime import Runtime


@dg.sensor(
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sees utilities that are down: has one request look whether each is back, and "
    "mails administrators once about a long outage and once about its end. Starts no runs.",
)
def provider_outages(runtime: dg.ResourceParam[Runtime]) -> dg.SkipReason:
    """Look and tell; the words say what came of it."""
    told = provider_health.tell(runtime)
    tried = provider_health.look_again(runtime)
    names = [runtime.providers.profile(key).name for key in tried]
    words = [*told, *(f"{name} is paused and is tried once now" for name in names)]
    return dg.SkipReason(". ".join(words) + "." if words else "Nothing is new of any utility.")
