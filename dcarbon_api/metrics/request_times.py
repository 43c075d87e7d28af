"""How long requests take, by route, method and kind of answer, and what went wrong, summed over all
workers.

Routes are patterns and codes a closed list, known when the application is made, so that every
counter has its place beforehand: no address with an id in it can ever become a label.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import cast

import numpy as np
from flask import Flask, current_app
from numpy.typing import NDArray
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from dcarbon.domain import texts
from dcarbon_api.context import EXTENSION
from dcarbon_api.metrics.shared_counts import SharedCounts

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
OTHER = "other"
"""The route and method of requests that fit no route."""

_EXTENSION = f"{EXTENSION}.request_times"
_STATUSES = (2, 3, 4, 5)
_CELLS = len(BOUNDS_S) + 2
"""For each place: one for each bound, one for what is longer, and the sum of nanoseconds."""
_NS = 1_000_000_000


class RequestTimes(Collector):
    """The durations of an application's requests; its routes do not change any more."""

    def __init__(
        self, routes: Iterable[tuple[str, str]], codes: Iterable[str], folder: Path
    ) -> None:
        """Take pattern and method of each route, and the codes of problems. Counters are shared in
        ``folder``.
        """
        named = sorted({*routes, (OTHER, OTHER)})
        places = [(*route, status) for route, status in product(named, _STATUSES)]
        self._places = {place: number * _CELLS for number, place in enumerate(places)}
        first = len(places) * _CELLS
        self._codes = {code: first + n for n, code in enumerate(sorted({*codes, OTHER}))}
        layout = sha256(repr((places, BOUNDS_S, list(self._codes))).encode()).hexdigest()[:16]
        self._counts = SharedCounts(folder, layout=layout, size=first + len(self._codes))

    def observe(
        self, route: str | None, method: str, status: int, seconds: float, code: str | None = None
    ) -> None:
        """Count one request. ``route`` is its pattern, ``None`` when it fits none; ``code`` is that
        of the problem it was answered with.
        """
        kind = min(max(status // 100, _STATUSES[0]), _STATUSES[-1])
        place = self._places.get((route or OTHER, "GET" if method == "HEAD" else method, kind))
        if place is None:
            place = self._places[OTHER, OTHER, kind]
        bound = bisect_left(BOUNDS_S, seconds)
        self._counts.add((place + bound, 1), (place + _CELLS - 1, int(seconds * _NS)))
        if code is not None:
            self._counts.add((self._codes.get(code, self._codes[OTHER]), 1))

    def collect(self) -> Iterator[Metric]:
        """Yield the counts of all workers; what never happened is left out."""
        cells = self._counts.sums()
        yield self._times(cells[: len(self._places) * _CELLS].reshape(-1, _CELLS))
        problems = CounterMetricFamily(
            "dcarbon_http_problems",
            "Requests that were answered with a problem, by its code, over all workers.",
            labels=("code",),
        )
        for code, place in self._codes.items():
            if cells[place]:
                problems.add_metric((code,), float(cells[place]))
        yield problems

    def _times(self, cells: NDArray[np.uint64]) -> Metric:
        family = HistogramMetricFamily(
            "dcarbon_http_request_duration_seconds",
            "Time from a request to the first part of its answer, over all workers.",
            labels=("method", "route", "status"),
        )
        for (route, method, status), row in zip(self._places, cells.tolist(), strict=True):
            if any(row[:-1]):
                labels = (method, route, f"{status}xx")
                family.add_metric(labels, _buckets(row[:-1]), row[-1] / _NS)
        return family


def count(app: Flask) -> None:
    """Have the application count its requests, now that all its routes are known."""
    routes = [
        (rule.rule, method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    ]
    settings = app.extensions[EXTENSION].settings
    folder = settings.directory / "metrics"
    app.extensions[_EXTENSION] = RequestTimes(routes, texts.TEXTS, folder)


def of_this_app() -> RequestTimes:
    return cast("RequestTimes", current_app.extensions[_EXTENSION])


def _buckets(counts: Sequence[int]) -> list[tuple[str, float]]:
    """Return the counts as Prometheus wants them: each bound holds all that is shorter."""
    total, buckets = 0, []
    for bound, number in zip((*BOUNDS_S, "+Inf"), counts, strict=True):
        total += number
        buckets.append((str(bound), float(total)))
    return buckets
