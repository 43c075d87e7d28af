"""Request times add up over all workers, living and ended, and hold nothing but route patterns."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from pathlib import Path

from dcarbon_api.metrics.request_times import OTHER, RequestTimes

PATTERN = "/facilities/<uuid:facility_id>"
CODES = ("not_found", "seal_broken")
ROUTES = [(PATTERN, "GET"), (PATTERN, "POST"), ("/readyz", "GET")]


def samples(times: RequestTimes, ending: str) -> dict[tuple[str, ...], float]:
    """Return the samples of a name by method, route, status and bound."""
    return {
        tuple(sample.labels.values()): sample.value
        for family in times.collect()
        for sample in family.samples
        if sample.name.endswith(ending)
    }


def test_a_request_counts_in_every_bound_it_is_not_longer_than(tmp_path: Path) -> None:
    times = RequestTimes(ROUTES, CODES, tmp_path)

    for seconds in (0.004, 0.005, 0.3, 99.0):
        times.observe(PATTERN, "GET", 200, seconds)
    times.observe(PATTERN, "HEAD", 204, 0.1)
    times.observe(PATTERN, "POST", 303, 0.1)
    times.observe("/facilities/7", "GET", 200, 0.1)
    times.observe(None, "BREW", 404, 0.1, "not_found")
    times.observe(None, "BREW", 404, 0.1, "of_nobody")

    assert samples(times, "_count") == {
        ("GET", PATTERN, "2xx"): 5,
        ("POST", PATTERN, "3xx"): 1,
        (OTHER, OTHER, "2xx"): 1,
        (OTHER, OTHER, "4xx"): 2,
    }
    assert samples(times, "_total") == {("not_found",): 1, (OTHER,): 1}
    bounds = {key[3]: n for key, n in samples(times, "_bucket").items() if key[0] == "GET"}
    assert (bounds["0.005"], bounds["0.1"], bounds["0.5"], bounds["+Inf"]) == (2, 3, 4, 5)
    assert abs(samples(times, "_sum")["GET", PATTERN, "2xx"] - 99.409) < 1e-6


def _work(folder: Path, times: int) -> None:
    mine = RequestTimes(ROUTES, CODES, folder)
    for _ in range(times):
        mine.observe("/readyz", "GET", 200, 0.01)


def test_workers_add_up_and_the_next_one_goes_on_where_one_ended(tmp_path: Path) -> None:
    here = RequestTimes(ROUTES, CODES, tmp_path)
    here.observe("/readyz", "GET", 200, 0.01)
    forked = multiprocessing.get_context("fork")

    for count in (100, 20):
        worker = forked.Process(target=_work, args=(tmp_path, count))
        worker.start()
        worker.join()

    assert samples(here, "_count") == {("GET", "/readyz", "2xx"): 121}
    assert len(list(tmp_path.iterdir())) == 2


def test_routes_of_another_version_do_not_mix_and_leave_nothing_behind(tmp_path: Path) -> None:
    _work(tmp_path, 3)
    living = RequestTimes(ROUTES[:1], CODES, tmp_path)

    newer = RequestTimes(ROUTES[:2], CODES, tmp_path)

    assert samples(newer, "_count") == {}
    assert len(list(tmp_path.iterdir())) == 2
    assert samples(living, "_count") == {}


def test_where_nothing_can_be_written_a_worker_counts_alone(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    times: Sequence[RequestTimes] = [
        RequestTimes(ROUTES, CODES, tmp_path / "file") for _ in range(2)
    ]
    times[0].observe("/readyz", "GET", 200, 0.01)

    assert [sum(samples(each, "_count").values()) for each in times] == [1, 0]
