"""Making one authorization in twenty fail, each fifth of them in another way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlsplit

from sqlalchemy import select

from benchmarks.sync_fixture import Place
from dcarbon.db.authorizations import Authorization
from dcarbon.services.runtime import Runtime

ONE_IN = 20
HANGS_S = 1.0
_RULES: dict[str, dict[str, object]] = {
    "unavailable": {},
    "malformed": {},
    "cut": {},
    "time_out": {"parameters": {"seconds": HANGS_S}},
}
"""Faults of the answer, for ever. The fifth way is a consent that has ended."""


def spoil(place: Place, runtime: Runtime) -> Counter[str]:
    """Have one in twenty fail from here on; return how many fail in which way.

    UtilityAPI names customers in the query, which a rule cannot tell apart: there all are revoked.
    """
    spoiled: Counter[str] = Counter()
    ways = (*_RULES, "ended")
    for number, row in enumerate(_chosen(runtime)):
        if row.method == "utilityapi":
            place.control("POST", f"utilityapi/authorizations/{row.external_id}/revoke")
            spoiled["revoked"] += 1
            continue
        path, way = urlsplit(row.resource_uri or "").path, ways[number % len(ways)]
        if way == "ended":
            place.control("POST", f"authorizations/{path.rpartition('/')[2]}/expire")
        else:
            rule = {"kind": way, "path_prefix": path, "times": None, **_RULES[way]}
            place.control("POST", "faults", rule)
        spoiled[way] += 1
    return spoiled


def mend(place: Place) -> None:
    """Withdraw the faults; consents that have ended stay so."""
    place.control("DELETE", "faults")


def _chosen(runtime: Runtime) -> Sequence[Authorization]:
    with runtime.sessions() as session:
        rows = session.scalars(select(Authorization).order_by(Authorization.id)).all()
    # Ids are in the order of making, utility by utility: each has its share of failures.
    return rows[::ONE_IN]
