"""One utility's data custodian: its parts put together, and what all of its resources share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from dcarbon_sandbox import customers
from dcarbon_sandbox.clock import SandboxClock
from dcarbon_sandbox.customers import SandboxCustomer, SandboxMeter
from dcarbon_sandbox.faults import Faults
from dcarbon_sandbox.green_button import measurements
from dcarbon_sandbox.green_button.batches import Batches
from dcarbon_sandbox.green_button.dialects import DIALECTS, Dialect, Links
from dcarbon_sandbox.green_button.notifications import Notifier
from dcarbon_sandbox.green_button.oauth import OAuth
from dcarbon_sandbox.green_button.profiles import Profile, Switches
from dcarbon_sandbox.green_button.store import Authorization, Store
from dcarbon_sandbox.green_button.usage_feed import Subscription
from dcarbon_sandbox.green_button.windows import Window


@dataclass(frozen=True)
class Surroundings:
    """What every utility shares: state, clock, faults, notices, addresses, files to serve."""

    store: Store
    clock: SandboxClock
    faults: Faults
    notifier: Notifier
    base_url: Callable[[], str]
    redirect_uris: tuple[str, ...] = ()
    feeds: Mapping[str, Path] = field(default_factory=dict)
    """Files served unchanged as the batch subscription of a login."""


class Custodian:
    """One utility. Everything that answers requests asks here."""

    def __init__(self, profile: Profile, around: Surroundings) -> None:
        self.profile = profile
        self.dialect: Dialect = DIALECTS[profile.dialect]
        self.around = around
        self.store = around.store
        self.oauth = OAuth(
            profile, around.store, around.faults, uri=self.uri, redirect_uris=around.redirect_uris
        )
        self.batches = Batches(profile, self.dialect, around.store, around.notifier, around.faults)
        self.limiter = Limiter()

    @property
    def switches(self) -> Switches:
        return self.store.switches(self.profile)

    def now(self) -> datetime:
        return self.around.clock.now()

    def uri(self, path: str) -> str:
        return self.around.base_url() + path

    @property
    def base(self) -> str:
        """The absolute resource base, as it is written into feeds."""
        return self.uri(self.profile.base_path)

    def links(self, authorization: Authorization) -> Links:
        return Links(self.dialect.name, self.base, authorization.id)

    def customers(self) -> Sequence[SandboxCustomer]:
        """Return the people a login page may hint at, file customers included."""
        named = [c for c in customers.CUSTOMERS if self.profile.customers_of in c.utilities]
        known = {customer.login for customer in named}
        extra = [self.customer(login) for login in self.around.feeds if login not in known]
        return [*named, *(customer for customer in extra if customer)]

    def customer(self, login: str) -> SandboxCustomer | None:
        """Return the customer with this login at this utility."""
        found = customers.customer_by_login(login)
        if found is not None:
            return found if self.profile.customers_of in found.utilities else None
        if login in self.around.feeds:
            like = customers.CUSTOMERS[0]
            return replace(like, login=login, password=login, name=f"File of {login}")
        return None

    def meters(self, authorization: Authorization) -> Sequence[tuple[int, SandboxMeter]]:
        """Return the consented meters with their numbers, counted from 1."""
        customer = self.customer(authorization.login)
        chosen = [m for m in customer.meters if m.id in authorization.meters] if customer else []
        return list(enumerate(chosen, start=1))

    def subscription(
        self, authorization: Authorization, window: Window, meter_id: str | None = None
    ) -> Subscription:
        """Return what a window of an authorization holds, of all its meters or of one."""
        links = self.links(authorization)
        parts = [
            measurements.part_of(
                self.store.state, authorization, meter, number, window=window, now=self.now()
            )
            for number, meter in self.meters(authorization)
            if meter_id in (None, meter.id, links.usage_point_id(meter.id, number))
        ]
        return Subscription(links, parts)

    def bulk(self, window: Window) -> Iterator[Subscription]:
        """Yield the live subscriptions of the client, those without data left out."""
        now = self.store.now()
        for authorization in self.store.authorizations(self.profile.code):
            if authorization.is_live(now):
                subscription = self.subscription(authorization, window)
                parts = [part for part in subscription.parts if not part.is_empty()]
                if parts:
                    yield replace(subscription, parts=parts)

    def notify_authorization(self, authorization: Authorization) -> None:
        """Tell the third party that an authorization changed (reference 6)."""
        uri = self.oauth.resource(f"Authorization/{authorization.id}")
        self.around.notifier.send(self.profile.code, self.dialect, [uri])


class Limiter:
    """A token bucket in real time; one third party is registered per utility, so one bucket."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: float | None = None
        self._seen = 0.0

    def admits(self, rate_per_s: float | None) -> bool:
        """Count a request; the bucket holds one second's worth and at least one."""
        if rate_per_s is None:
            return True
        size = max(1.0, rate_per_s)
        with self._lock:
            now = time.monotonic()
            left = size if self._left is None else self._left
            left = min(size, left + (now - self._seen) * rate_per_s)
            self._seen = now
            self._left = left - 1 if left >= 1 else left
            return left >= 1
