"""The rival of a sync: the same requests by the same clients, and every answer forgotten.

Tokens, addresses and meters are at hand beforehand; as many threads ask each provider as in a sync.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from dcarbon.db.authorizations import Authorization
from dcarbon.domain.calendar import day_bounds
from dcarbon.domain.secrets import Secret
from dcarbon.providers.green_button.client import GreenButtonClient, Payload
from dcarbon.providers.profile import Method, Quirk
from dcarbon.providers.utilityapi.parse import parse_meter_states
from dcarbon.services import authorizations, grants
from dcarbon.services.runtime import Runtime


class BareLoop:
    """Fetches the day of some customers and counts the answers."""

    def __init__(self, runtime: Runtime, shard: int, day: date) -> None:
        """Read what asking needs: that is not part of the loop."""
        self._runtime, self._day = runtime, day
        chosen = select(Authorization).where(
            Authorization.shard == shard, Authorization.status == "authorized"
        )
        with runtime.sessions() as session:
            self._rows = session.scalars(chosen.order_by(Authorization.id)).all()
        self._tokens: dict[UUID, Secret] = {
            row.id: grants.access_token(runtime, row.id)
            for row in self._rows
            if row.method == Method.GREEN_BUTTON
        }

    def run(self) -> int:
        """Return the number of answers."""
        rows: defaultdict[str, list[Authorization]] = defaultdict(list)
        for row in self._rows:
            rows[row.provider].append(row)
        size = self._runtime.settings.provider_concurrency
        with ExitStack() as stack:
            pools = {key: stack.enter_context(ThreadPoolExecutor(size)) for key in rows}
            return sum(sum(each) for each in self._answers(pools, rows))

    def _answers(
        self, pools: dict[str, ThreadPoolExecutor], rows: dict[str, list[Authorization]]
    ) -> Sequence[Iterable[int]]:
        return [pools[key].map(self._fetch, of_provider) for key, of_provider in rows.items()]

    def _fetch(self, row: Authorization) -> int:
        if row.method == Method.UTILITYAPI:
            return sum(1 for _ in self._utilityapi(row))
        return sum(1 for outcome in self._green_button(row) if isinstance(outcome, Payload))

    def _green_button(self, row: Authorization) -> Iterator[object]:
        profile = self._runtime.providers.profile(row.provider)
        transport = self._runtime.providers.transport(row.provider)
        client = GreenButtonClient(transport, profile, self._tokens[row.id])
        start, end = day_bounds(self._day, ZoneInfo(profile.time_zone))
        walks = profile.has(Quirk.USAGE_POINT_BATCH_AT_ONCE)
        ask = client.walk if walks else client.usage
        yield from ask(row.resource_uri or "", start, end, now=self._runtime.now())

    def _utilityapi(self, row: Authorization) -> Iterator[object]:
        client = authorizations.utilityapi_client(self._runtime)
        zone = ZoneInfo(self._runtime.providers.profile(row.provider).time_zone)
        for page in client.meters(row.external_id or ""):
            yield page
            for meter in parse_meter_states(page.content):
                yield from client.interval_pages(meter.uid, *day_bounds(self._day, zone))
