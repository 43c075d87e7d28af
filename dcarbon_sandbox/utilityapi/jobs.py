"""What happens later: a job is due by the sandbox clock, or by real time if that comes first."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable, Mapping

from dcarbon_sandbox.utilityapi.service import Record, Service

_log = logging.getLogger(__name__)

Handler = Callable[[Service, Record], None]
_NEVER = float("inf")
_QUICK_S, _IDLE_S = 0.1, 0.5


def after(service: Service, delay_s: float, kind: str, **facts: str) -> None:
    """Do ``kind`` in ``delay_s`` seconds."""
    real = time.time() + delay_s if service.setting("real_time") else _NEVER
    _add(service, service.epoch() + delay_s, real, kind, facts)


def at(service: Service, due: float, kind: str, **facts: str) -> None:
    """Do ``kind`` when the sandbox clock has reached the epoch second ``due``, never before."""
    _add(service, due, _NEVER, kind, facts)


def _add(service: Service, due: float, real: float, kind: str, facts: Mapping[str, str]) -> None:
    job = {"due": due, "real_due": None if real == _NEVER else real, "kind": kind, **facts}
    service.records("jobs")[service.new_uid("job")] = job
    service.due = (min(service.due[0], due), min(service.due[1], real))
    service.wake()


def run_due(service: Service, handlers: Mapping[str, Handler]) -> None:
    """Run what is due, oldest first, until nothing is; cheap when nothing is."""
    while _something_may_be_due(service):
        with service.state.lock:
            for uid in _due_uids(service):
                # One at a time: should a job fail, those behind it are still there.
                job = service.records("jobs").pop(uid)
                handlers[job["kind"]](service, job)
            service.changed()


def _something_may_be_due(service: Service) -> bool:
    if service.epoch() < service.due[0] and time.time() < service.due[1]:
        return False
    with service.state.lock:
        jobs = service.records("jobs").values()
        service.due = (
            min((job["due"] for job in jobs), default=_NEVER),
            min((job["real_due"] or _NEVER for job in jobs), default=_NEVER),
        )
    return service.epoch() >= service.due[0] or time.time() >= service.due[1]


def _due_uids(service: Service) -> list[str]:
    now, real = service.epoch(), time.time()
    jobs = service.records("jobs")
    due = [
        uid for uid, job in jobs.items() if job["due"] <= now or (job["real_due"] or _NEVER) <= real
    ]
    return sorted(due, key=lambda uid: (jobs[uid]["due"], int(uid)))


def background(service: Service, tick: Callable[[Service], bool]) -> Callable[[], None]:
    """Return a function that makes sure a thread calls ``tick`` while there is work to come.

    ``tick`` says whether it wants to be called again soon. The thread holds the service weakly
    and ends with it, so that an application thrown away leaves nothing running.
    """
    reference = weakref.ref(service)
    guard = threading.Lock()
    running: list[threading.Thread] = []

    def loop() -> None:
        pause = 0.0
        while True:
            time.sleep(pause)
            alive = reference()
            if alive is None:
                return
            try:
                pause = _QUICK_S if tick(alive) else _IDLE_S
            except Exception:  # noqa: BLE001 — whatever it was, the next job is not to blame
                # Nobody waits for this thread; if it ended, nothing would happen any more.
                _log.exception("a job failed")
                pause = _IDLE_S
            del alive

    def wake() -> None:
        with guard:
            if not running:
                running.append(threading.Thread(target=loop, name="utilityapi-jobs", daemon=True))
                running[0].start()

    return wake
