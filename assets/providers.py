"""Utilities as a whole: how fresh the newest reading of each is. Looked at every hour."""

from collections.abc import Iterator

import dagster as dg

from dcarbon.providers.profiles import PROFILES
from dcarbon.services import provider_freshness
from dcarbon.services.provider_freshness import Freshness
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines import metadata
from dcarbon_pipelines.appearance import HOURLY, WATCHED

PROVIDERS = "providers"
_HEADER = ("Utility", "Authorizations", "Newest reading ended", "Hours ago", "Of these late")


def check_name(provider: str) -> str:
    """Return the name of a utility's check: a sentence that is true when it passes."""
    return f"{provider}_is_fresh"


@dg.asset(
    name=PROVIDERS,
    description="How fresh the newest reading of each utility is, over all its authorizations.",
    check_specs=[
        dg.AssetCheckSpec(
            check_name(key),
            asset=PROVIDERS,
            description=f"{known.known_as or known.name}: the newest reading of all its customers "
            f"ended within the last {provider_freshness.LATE_AFTER.days} days. A utility without "
            "customers passes.",
        )
        for key, known in PROFILES.items()
    ],
    freshness_policy=HOURLY,
    **WATCHED,
)
def providers(
    runtime: dg.ResourceParam[Runtime],
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Read how fresh each provider is, and judge each."""
    now = runtime.now()
    with runtime.sessions() as session:
        found = provider_freshness.of_all(session, now=now)
    late = [each for each in found.values() if each.is_late]
    rows = [
        (each.provider, each.authorizations, _when(each), _age(each), each.late_authorizations)
        for each in found.values()
    ]
    yield dg.MaterializeResult(
        metadata={
            "utilities": dg.MetadataValue.int(len(found)),
            "late": dg.MetadataValue.int(len(late)),
            **{
                f"{each.provider}_age_hours": dg.MetadataValue.float(each.age_hours)
                for each in found.values()
                if each.age_hours is not None
            },
            "table": dg.MetadataValue.md(metadata.table(_HEADER, rows)),
        }
    )
    for key in PROFILES:
        yield _verdict(key, found.get(key))


def _verdict(key: str, found: Freshness | None) -> dg.AssetCheckResult:
    if found is None:
        return dg.AssetCheckResult(
            asset_key=PROVIDERS,
            check_name=check_name(key),
            passed=True,
            description="Nobody is authorized at this utility.",
        )
    numbers: dict[str, dg.MetadataValue] = {
        "authorizations": dg.MetadataValue.int(found.authorizations),
        "late_authorizations": dg.MetadataValue.int(found.late_authorizations),
    }
    if found.age_hours is not None:
        numbers["age_hours"] = dg.MetadataValue.float(found.age_hours)
    return dg.AssetCheckResult(
        asset_key=PROVIDERS,
        check_name=check_name(key),
        passed=not found.is_late,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Newest reading: {_when(found)}.",
        metadata=numbers,
    )


def _when(found: Freshness) -> str:
    return found.newest.isoformat(timespec="minutes") if found.newest else "none yet"


def _age(found: Freshness) -> str:
    return "" if found.age_hours is None else f"{found.age_hours:,.1f}"
