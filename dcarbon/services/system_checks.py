"""From figures to what people are told: which part of the house is how. Decides, and reads nothing.

Each check says one thing at least of its part; the words stand in ``domain.system_words``, and of
what only ``dcarbon doctor`` looks at in ``domain.doctor_words``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from dcarbon.db import heartbeats
from dcarbon.db.operation import Lag
from dcarbon.db.privileges import LogRights
from dcarbon.db.provider_states import ProviderState
from dcarbon.domain.doctor_words import DOCTOR
from dcarbon.domain.system_words import SYSTEM, State
from dcarbon.domain.text import Text
from dcarbon.services import signs_of_life
from dcarbon.services.operation_figures import Figures
from dcarbon.services.system_machine import Disk, Store
from dcarbon.settings import Settings

SLOW = timedelta(milliseconds=500)
CONNECTIONS_SHORT = 0.85
"""Part of the connections of the server, its few reserved ones included."""
DISK_SHORT, DISK_FULL = 0.15, 0.05
ENOUGH, TOO_LITTLE = 100 * 2**30, 2**30
"""However small a part it is, this is plenty; however large, this is not."""
FAR_BEHIND = 0.1
DUE_TOO_LONG = timedelta(minutes=15)
"""Sensors look every few seconds; a run may wait for others for some minutes."""
MAIL_TOO_LONG = timedelta(minutes=10)
HEAD_TOO_OLD = timedelta(hours=36)
CLOCKS_APART = timedelta(seconds=5)

_PLACES = {"data": "our own files", "payloads": "the utilities' answers"}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Finding:
    """What is to be said of one part of the house; ``values`` fill the words of ``code``."""

    part: str
    state: State
    code: str
    values: Mapping[str, object]

    @property
    def text(self) -> Text:
        words = SYSTEM.get(self.code) or DOCTOR[self.code]
        parts = (words.title, words.what_happened, words.what_to_do)
        return Text(*(part.format_map(dict(self.values)) for part in parts))


@dataclass(frozen=True, slots=True)
class KeysFound:
    """How many secrets in use each key seals, which keys the ring holds, which one seals now."""

    in_use: Mapping[str, int]
    held: tuple[str, ...]
    current: str


def of_database(figures: Figures, *, schema: str | None, needed: str | None) -> Iterator[Finding]:
    server = figures.server
    took = round(figures.server_took.total_seconds() * 1000, 1)
    used = {"connections": server.connections, "most": server.most_connections}
    said = {"version": server.version, "milliseconds": took, "size": size(server.size), **used}
    if schema != needed:
        other = {"found": schema or "nothing", "needed": needed}
        yield Finding("database", State.WRONG, "schema_other", other)
    if server.connections >= CONNECTIONS_SHORT * server.most_connections:
        yield Finding("database", State.WRONG, "connections_short", used)
    is_slow = figures.server_took > SLOW
    code = "database_slow" if is_slow else "database_good"
    yield Finding("database", State.WATCH if is_slow else State.GOOD, code, said)


def of_disks(disks: Iterable[Disk]) -> Iterator[Finding]:
    """Say something once of each file system, whatever is kept there."""
    places: dict[int, list[Disk]] = {}
    for disk in disks:
        places.setdefault(disk.device, []).append(disk)
    for here in places.values():
        free, total = min(disk.free for disk in here), here[0].total
        kept = " and ".join(_PLACES[disk.place] for disk in here)
        said = {"free": size(free), "total": size(total), "place": kept}
        locked = [disk for disk in here if not disk.is_writable]
        for disk in locked:
            where = said | {"place": _PLACES[disk.place]}
            yield Finding("disk", State.WRONG, "disk_read_only", where)
        if free < TOO_LITTLE or free < min(DISK_FULL * total, ENOUGH / 10):
            yield Finding("disk", State.WRONG, "disk_full", said)
        elif free < min(DISK_SHORT * total, ENOUGH):
            yield Finding("disk", State.WATCH, "disk_short", said)
        elif not locked:
            yield Finding("disk", State.GOOD, "disk_good", said)


def of_store(store: Store | None) -> Iterator[Finding]:
    """Say how the object store is, where there is one."""
    if store is None:
        return
    if store.reason is not None:
        said = {"place": store.place, "reason": store.reason}
        yield Finding("store", State.WRONG, "store_unavailable", said)
        return
    took = round(store.took.total_seconds() * 1000, 1)
    yield Finding("store", State.GOOD, "store_good", {"place": store.place, "milliseconds": took})


def of_pipelines(figures: Figures) -> Iterator[Finding]:
    silence = _silence(figures, heartbeats.PIPELINES, "pipelines", "pipelines", {})
    if silence is not None:
        yield silence
        return
    since = {"ago": ago(figures.now - figures.beats[heartbeats.PIPELINES])}
    yield Finding("pipelines", State.GOOD, "pipelines_good", since)


def of_syncs(figures: Figures, settings: Settings) -> Iterator[Finding]:
    count = sum(lag.authorizations for lag in figures.lags)
    late = sum(lag.late for lag in figures.lags)
    said = {"count": count, "late": late}
    if not settings.daily_sync:
        yield Finding("syncs", State.WATCH, "nightly_sync_off", {})
    if not count:
        yield Finding("syncs", State.GOOD, "syncs_none", {})
    elif late > FAR_BEHIND * count:
        yield Finding("syncs", State.WRONG, "syncs_far_behind", said)
    elif late:
        yield Finding("syncs", State.WATCH, "syncs_behind", said)
    else:
        yield Finding("syncs", State.GOOD, "syncs_good", said)


def of_orders(figures: Figures) -> Iterator[Finding]:
    since, failing = figures.first_due(), figures.orders("put_off")
    due = figures.orders("due")
    said = {
        "due": due,
        "running": figures.orders("running"),
        "later": failing + figures.orders("waiting"),
    }
    is_stuck = since is not None and figures.now - since > DUE_TOO_LONG
    if since is not None and is_stuck:
        # Many at once take their time; that nobody works on any is another matter.
        state = State.WATCH if said["running"] else State.WRONG
        yield Finding("orders", state, "orders_waiting", {"due": due, "since": _time(since)})
    if failing:
        yield Finding("orders", State.WATCH, "orders_failing", {"count": failing})
    if not (is_stuck or failing):
        yield Finding("orders", State.GOOD, "orders_good", said)


def of_providers(figures: Figures, names: Mapping[str, str]) -> Iterator[Finding]:
    """Say something of each provider that somebody is authorized at, or that is failing."""
    lags = {lag.provider: lag for lag in figures.lags}
    states = {state.provider: state for state in figures.providers}
    failing = {key for key, state in states.items() if state.failures}
    for key in sorted({*lags, *failing}, key=lambda key: names.get(key, key)):
        name = names.get(key, key)
        yield _of_provider(figures, name, lags.get(key), states.get(key))


def _of_provider(
    figures: Figures, name: str, lag: Lag | None, state: ProviderState | None
) -> Finding:
    said: dict[str, object] = {"provider": name, "count": lag.authorizations if lag else 0}
    if state is not None and state.failures:
        said |= {"failures": state.failures, "code": state.last_error_code}
        if state.probe_at is None:
            return Finding("providers", State.WATCH, "provider_failing", said)
        since = state.down_since or figures.now
        said |= {"since": _time(since), "again": _time(state.probe_at)}
        return Finding("providers", State.WRONG, "provider_down", said)
    if lag is not None and lag.refused:
        refused = said | {"count": lag.refused}
        return Finding("providers", State.WRONG, "provider_refuses", refused)
    fresh = figures.freshness.get(lag.provider) if lag else None
    if fresh is None or fresh.newest is None:
        return Finding("providers", State.GOOD, "provider_unused", said)
    said |= {"age": span(figures.now - fresh.newest)}
    if fresh.is_late:
        return Finding("providers", State.WATCH, "readings_late", said)
    return Finding("providers", State.GOOD, "provider_good", said)


def of_mail(figures: Figures, settings: Settings) -> Iterator[Finding]:
    queue, waiting = figures.mails, {"waiting": figures.mails.waiting}
    if settings.mail_host is None:
        yield Finding("mail", State.WRONG, "mail_not_set_up", waiting)
        return
    if queue.given_up:
        yield Finding("mail", State.WATCH, "mails_given_up", {"count": queue.given_up})
    silence = _silence(figures, heartbeats.MAILER, "mail", "mailer", waiting)
    stuck = queue.oldest_tried
    if silence is not None:
        yield silence
    elif stuck is not None and figures.now - stuck > MAIL_TOO_LONG:
        yield Finding("mail", State.WRONG, "mails_stuck", waiting | {"since": _time(stuck)})
    elif not queue.given_up:
        yield Finding("mail", State.GOOD, "mail_good", waiting)


def of_keys(keys: KeysFound) -> Iterator[Finding]:
    missing = {key: count for key, count in keys.in_use.items() if key not in keys.held}
    older = sum(keys.in_use.values()) - sum(missing.values()) - keys.in_use.get(keys.current, 0)
    for key, count in sorted(missing.items()):
        yield Finding("keys", State.WRONG, "keys_missing", {"key": key, "count": count})
    if older:
        said = {"count": older, "key": keys.current}
        yield Finding("keys", State.WATCH, "keys_older", said)
    if not (missing or older):
        count = keys.in_use.get(keys.current, 0)
        yield Finding("keys", State.GOOD, "keys_good", {"key": keys.current, "count": count})


def of_audit(figures: Figures, *, head_at: datetime | None, rights: LogRights) -> Iterator[Finding]:
    said = {"count": figures.audit_end.seq if figures.audit_end else 0}
    if rights.is_owner or rights.may_write:
        yield Finding("audit", State.WATCH, "audit_unguarded", {})
    if head_at is None:
        yield Finding("audit", State.WATCH, "audit_head_never", said)
        return
    is_old = figures.now - head_at > HEAD_TOO_OLD
    code = "audit_head_old" if is_old else "audit_good"
    state = State.WRONG if is_old else State.GOOD
    yield Finding("audit", state, code, {**said, "ago": ago(figures.now - head_at)})


def of_clock(figures: Figures) -> Iterator[Finding]:
    apart = abs(figures.server.clock - figures.server_asked_at)
    differs = apart > CLOCKS_APART
    code, state = ("clock_differs", State.WRONG) if differs else ("clock_good", State.GOOD)
    yield Finding("clock", state, code, {"seconds": f"{apart.total_seconds():,.1f}"})


def of_settings(settings: Settings) -> Iterator[Finding]:
    """Say what is wrong with them; what is right is not worth a line."""
    address = urlsplit(settings.public_url)
    if address.scheme != "https" and address.hostname not in _LOOPBACK:
        said = {"address": settings.public_url}
        yield Finding("settings", State.WRONG, "address_plain", said)


def _silence(
    figures: Figures, process: str, part: str, code: str, said: Mapping[str, object]
) -> Finding | None:
    """Return what is to be said of a process without a sign of life, ``None`` where it has one."""
    beat = figures.beats.get(process)
    if beat is None:
        return Finding(part, State.WRONG, f"{code}_never", said)
    since = figures.now - beat
    if since <= signs_of_life.SILENT_AFTER:
        return None
    return Finding(part, State.WRONG, f"{code}_silent", {**said, "ago": ago(since)})


def size(count: float) -> str:
    """Return bytes in their largest unit of 1024 that is not below one."""
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1024:  # noqa: PLR2004 — as everybody counts bytes
            return f"{count:.0f} {unit}" if unit in ("B", "KB") else f"{count:,.1f} {unit}"
        count /= 1024
    return f"{count:,.1f} TB"


def span(length: timedelta) -> str:
    """Return a length in its largest whole unit; nothing is shorter than a second."""
    seconds = max(int(length.total_seconds()), 1)
    for unit, length_s in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length_s:
            count = seconds // length_s
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{seconds} second{'' if seconds == 1 else 's'}"


def ago(length: timedelta) -> str:
    return f"{span(length)} ago"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
