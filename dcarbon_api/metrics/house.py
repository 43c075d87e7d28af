"""The house in figures as Prometheus reads them, from the database: the same from every worker.

Ages are in seconds at the time of asking. What does not exist yet (no sync, no mail) has no line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from dcarbon.db.provider_states import ProviderState
from dcarbon.services import operation_figures
from dcarbon.services.operation_figures import Figures
from dcarbon.services.system_machine import Disk

Labels = tuple[str, ...]
Values = Mapping[Labels, float]


class House(Collector):
    """The figures of one look; ``None`` where the database is away."""

    def __init__(self, figures: Figures | None, disks: Iterable[Disk]) -> None:
        self._figures, self._disks = figures, tuple(disks)

    def collect(self) -> Iterator[Metric]:
        yield _one(
            "dcarbon_database_up",
            "Whether the database answers.",
            1.0 if self._figures else 0.0,
        )
        yield _many(
            "dcarbon_disk_free_bytes",
            "Free space where files are kept.",
            ("place",),
            {(disk.place,): float(disk.free) for disk in self._disks},
        )
        if self._figures is None:
            return
        for part in (_orders, _syncs, _providers, _mails, _rest):
            yield from part(self._figures)


def _orders(figures: Figures) -> Iterator[Metric]:
    kinds, states = operation_figures.KINDS, operation_figures.STATES
    found: dict[Labels, float] = {(kind, state): 0.0 for kind in kinds for state in states}
    found |= {(each.kind, each.state): float(each.count) for each in figures.open_orders}
    yield _many(
        "dcarbon_work_orders",
        "Open work orders: due, running, put_off after a failure, or waiting for their time.",
        ("kind", "state"),
        found,
    )
    outcomes = operation_figures.OUTCOMES
    closed: dict[Labels, float] = {(kind, outcome): 0.0 for kind in kinds for outcome in outcomes}
    closed |= {(each.kind, each.outcome): float(each.count) for each in figures.closed_orders}
    yield _many(
        "dcarbon_work_orders_closed_last_day",
        "Work orders closed within the last 24 hours.",
        ("kind", "outcome"),
        closed,
    )
    since = figures.first_due()
    yield _one(
        "dcarbon_work_order_oldest_due_seconds",
        "How long the work order waits that is due longest and that nobody works on; 0: none.",
        _age(figures, since) if since else 0.0,
    )


def _syncs(figures: Figures) -> Iterator[Metric]:
    yield _many(
        "dcarbon_authorizations",
        "Authorizations by provider and status.",
        ("provider", "status"),
        {(each.provider, each.status): float(each.count) for each in figures.statuses},
    )
    oldest: Values = {
        (lag.provider,): _age(figures, lag.oldest) for lag in figures.lags if lag.oldest
    }
    median: Values = {
        (lag.provider,): _age(figures, lag.median) for lag in figures.lags if lag.median
    }
    yield _many(
        "dcarbon_sync_lag_seconds_max",
        "Time since the last successful sync of the authorization in force that waits longest.",
        ("provider",),
        oldest,
    )
    yield _many(
        "dcarbon_sync_lag_seconds_median",
        "Time since the last successful sync, of half of the authorizations in force.",
        ("provider",),
        median,
    )
    yield _many(
        "dcarbon_authorizations_behind",
        "Authorizations in force: never synced, late (36 hours), delayed by the provider, blocked.",
        ("provider", "how"),
        {
            (lag.provider, how): float(getattr(lag, how))
            for lag in figures.lags
            for how in ("never", "late", "delayed", "blocked")
        },
    )
    yield _many(
        "dcarbon_newest_reading_age_seconds",
        "Age of the newest reading of a provider.",
        ("provider",),
        {
            (key,): _age(figures, fresh.newest)
            for key, fresh in figures.freshness.items()
            if fresh.newest
        },
    )


def _providers(figures: Figures) -> Iterator[Metric]:
    rows = figures.providers
    yield _of_providers(
        "dcarbon_provider_up",
        "Whether a provider is asked; 0: it is left alone after failures in a row.",
        rows,
        lambda row: 0.0 if row.probe_at else 1.0,
    )
    yield _of_providers(
        "dcarbon_provider_failures",
        "Failures of a provider in a row, since its last answer.",
        rows,
        lambda row: float(row.failures),
    )
    yield _of_providers(
        "dcarbon_provider_down_seconds",
        "How long a provider has been down; 0: it is not.",
        rows,
        lambda row: _age(figures, row.down_since) if row.failures and row.down_since else 0.0,
    )


def _mails(figures: Figures) -> Iterator[Metric]:
    queue = figures.mails
    yield _many(
        "dcarbon_mails",
        "Mails in the outbox, those that are due among them, and those given up in 24 hours.",
        ("state",),
        {
            ("waiting",): float(queue.waiting),
            ("due",): float(queue.due),
            ("given_up_last_day",): float(queue.given_up),
        },
    )
    yield _one(
        "dcarbon_mail_oldest_seconds",
        "Age of the oldest mail that has not gone out; 0: all have.",
        _age(figures, queue.oldest) if queue.oldest else 0.0,
    )


def _rest(figures: Figures) -> Iterator[Metric]:
    server, end = figures.server, figures.audit_end
    yield _many(
        "dcarbon_sign_of_life_age_seconds",
        "Time since the pipelines and the mailer last said that they work.",
        ("process",),
        {(process,): _age(figures, at) for process, at in figures.beats.items()},
    )
    yield _one("dcarbon_database_size_bytes", "Size of the database.", float(server.size))
    yield _one(
        "dcarbon_database_connections",
        "Connections that the server has open, for everybody.",
        float(server.connections),
    )
    yield _one(
        "dcarbon_database_connections_max",
        "Connections that the server allows.",
        float(server.most_connections),
    )
    entries = CounterMetricFamily("dcarbon_audit_entries", "Entries ever written to the audit log.")
    entries.add_metric((), float(end.seq if end else 0))
    yield entries


def _of_providers(
    name: str, words: str, rows: Iterable[ProviderState], value: Callable[[ProviderState], float]
) -> Metric:
    return _many(name, words, ("provider",), {(row.provider,): value(row) for row in rows})


def _one(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def _many(name: str, words: str, labels: Labels, values: Values) -> Metric:
    family = GaugeMetricFamily(name, words, labels=labels)
    for place, value in sorted(values.items()):
        family.add_metric(place, value)
    return family


def _age(figures: Figures, at: datetime) -> float:
    return max((figures.now - at).total_seconds(), 0.0)
