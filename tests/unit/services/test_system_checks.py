"""The System page says what is wrong, in words that are whole, and nothing when nothing is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dcarbon import settings
from dcarbon.db.operation import AuditEnd, Lag, MailQueue, OrderCount, Server
from dcarbon.db.privileges import LogRights
from dcarbon.db.provider_states import ProviderState
from dcarbon.domain.system_words import PARTS, SYSTEM, State
from dcarbon.services import system_checks
from dcarbon.services.operation_figures import Figures
from dcarbon.services.provider_freshness import Freshness
from dcarbon.services.system_checks import Finding, KeysFound
from dcarbon.services.system_machine import Disk, Store
from dcarbon.settings import Settings

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
GB = 2**30
Change = dict[str, Any]


def before(**length: float) -> datetime:
    return NOW - timedelta(**length)


LAG = Lag("pge", 100, 0, 0, 0, 0, 0, before(hours=9), before(hours=8), before(hours=8))
FRESH = Freshness("pge", 100, 0, before(hours=30), is_late=False, age_hours=30.0)
QUEUE = MailQueue(2, 1, before(seconds=5), None, 0)
SERVER = Server("18.1", 3 * GB, 20, 100, NOW)
WELL = Figures(
    now=NOW,
    server=SERVER,
    server_asked_at=NOW,
    server_took=timedelta(milliseconds=3),
    open_orders=[OrderCount("collect", "running", 3, before(minutes=40))],
    closed_orders=[],
    statuses=[],
    lags=[LAG],
    freshness={"pge": FRESH},
    providers=[ProviderState(provider="pge", failures=0)],
    mails=QUEUE,
    audit_end=AuditEnd(1234, before(minutes=1)),
    beats={"pipelines": before(seconds=20), "mailer": before(seconds=50)},
)
DISK = Disk("data", 1, 400 * GB, 1000 * GB, is_writable=True)
STORE = Store("s3://payloads/of", timedelta(milliseconds=9), None)
KEYS = KeysFound({"new": 40}, ("new", "old"), "new")
SETTINGS = settings.load({}, mail_host="mail.example.test")
HEAD_AT = before(hours=10)
GUARDED = LogRights(is_owner=False, may_write=False)


def said(
    figures: Figures = WELL,
    *,
    chosen: Settings = SETTINGS,
    disks: Iterable[Disk] = (DISK,),
    store: Store | None = STORE,
    keys: KeysFound = KEYS,
    head_at: datetime | None = HEAD_AT,
    schema: str | None = "7",
    rights: LogRights = GUARDED,
) -> dict[str, Finding]:
    names = {"pge": "PG&E", "sce": "SCE"}
    parts = (
        system_checks.of_database(figures, schema=schema, needed="7"),
        system_checks.of_disks(disks),
        system_checks.of_store(store),
        system_checks.of_pipelines(figures),
        system_checks.of_syncs(figures, chosen),
        system_checks.of_orders(figures),
        system_checks.of_providers(figures, names),
        system_checks.of_mail(figures, chosen),
        system_checks.of_keys(keys),
        system_checks.of_audit(figures, head_at=head_at, rights=rights),
        system_checks.of_clock(figures),
        system_checks.of_settings(chosen),
    )
    return {finding.code: finding for part in parts for finding in part}


def bad(**asked: Any) -> dict[str, State]:
    return {c: f.state for c, f in said(**asked).items() if f.state is not State.GOOD}


def test_where_all_is_well_every_part_says_so_once() -> None:
    found = said()

    assert {finding.state for finding in found.values()} == {State.GOOD}
    parts = [finding.part for finding in found.values()]
    assert sorted(parts) == sorted(set(PARTS) - {"settings"})
    assert "20 seconds ago" in found["pipelines_good"].text.what_happened
    assert "The newest reading is 1 day old" in found["provider_good"].text.what_happened


def provider(**state: Any) -> Change:
    return {"providers": [ProviderState(provider="pge", last_error_code="provider_x", **state)]}


CASES: list[tuple[Change, dict[str, State]]] = [
    ({"server_took": timedelta(seconds=2)}, {"database_slow": State.WATCH}),
    ({"server": SERVER._replace(connections=97)}, {"connections_short": State.WRONG}),
    ({"beats": {"mailer": NOW}}, {"pipelines_never": State.WRONG}),
    ({"beats": {"pipelines": NOW}}, {"mailer_never": State.WRONG}),
    (
        {"beats": {"pipelines": before(hours=2), "mailer": before(minutes=4)}},
        {"pipelines_silent": State.WRONG, "mailer_silent": State.WRONG},
    ),
    ({"lags": [LAG._replace(late=10)]}, {"syncs_behind": State.WATCH}),
    ({"lags": [LAG._replace(late=11)]}, {"syncs_far_behind": State.WRONG}),
    ({"lags": []}, {}),
    (
        {"open_orders": [OrderCount("revoke", "due", 4, before(minutes=16))]},
        {"orders_waiting": State.WRONG},
    ),
    (
        {
            "open_orders": [
                OrderCount("collect", "due", 4, before(minutes=16)),
                OrderCount("collect", "running", 8, before(minutes=60)),
            ]
        },
        {"orders_waiting": State.WATCH},
    ),
    ({"open_orders": [OrderCount("collect", "due", 4, before(minutes=14))]}, {}),
    (
        {"open_orders": [OrderCount("collect", "put_off", 4, NOW)]},
        {"orders_failing": State.WATCH},
    ),
    (provider(failures=2, down_since=before(minutes=1)), {"provider_failing": State.WATCH}),
    (
        provider(failures=9, down_since=before(hours=1), probe_at=NOW),
        {"provider_down": State.WRONG},
    ),
    ({"lags": [LAG._replace(refused=3)]}, {"provider_refuses": State.WRONG}),
    ({"freshness": {"pge": replace(FRESH, is_late=True)}}, {"readings_late": State.WATCH}),
    ({"freshness": {}}, {}),
    ({"mails": QUEUE._replace(given_up=1)}, {"mails_given_up": State.WATCH}),
    ({"mails": QUEUE._replace(oldest_tried=before(minutes=11))}, {"mails_stuck": State.WRONG}),
    ({"mails": QUEUE._replace(oldest_tried=before(minutes=9))}, {}),
    ({"server": SERVER._replace(clock=before(seconds=6))}, {"clock_differs": State.WRONG}),
    ({"server": SERVER._replace(clock=before(seconds=-6))}, {"clock_differs": State.WRONG}),
]
OTHERS: list[tuple[Change, dict[str, State]]] = [
    ({"schema": "6"}, {"schema_other": State.WRONG}),
    ({"disks": [replace(DISK, free=99 * GB)]}, {"disk_short": State.WATCH}),
    ({"disks": [replace(DISK, free=9 * GB)]}, {"disk_full": State.WRONG}),
    ({"disks": [replace(DISK, total=2 * GB, free=GB - 1)]}, {"disk_full": State.WRONG}),
    ({"disks": [replace(DISK, is_writable=False)]}, {"disk_read_only": State.WRONG}),
    ({"store": replace(STORE, reason="it does not answer")}, {"store_unavailable": State.WRONG}),
    ({"store": None}, {}),
    ({"keys": replace(KEYS, in_use={"new": 1, "old": 2})}, {"keys_older": State.WATCH}),
    ({"keys": replace(KEYS, in_use={"new": 1, "lost": 2})}, {"keys_missing": State.WRONG}),
    ({"head_at": before(hours=37)}, {"audit_head_old": State.WRONG}),
    ({"head_at": None}, {"audit_head_never": State.WATCH}),
    ({"rights": LogRights(is_owner=True, may_write=True)}, {"audit_unguarded": State.WATCH}),
    ({"chosen": settings.load({})}, {"mail_not_set_up": State.WRONG}),
    (
        {"chosen": settings.load({}, mail_host="m.example.test", daily_sync=False)},
        {"nightly_sync_off": State.WATCH},
    ),
    (
        {
            "chosen": settings.load(
                {}, mail_host="m.example.test", public_url="http://dcarbon.example"
            )
        },
        {"address_plain": State.WRONG},
    ),
]


@pytest.mark.parametrize(("change", "expected"), CASES, ids="-".join)
def test_each_figure_that_worries_is_said(change: Change, expected: dict[str, State]) -> None:
    assert bad(figures=replace(WELL, **change)) == expected


@pytest.mark.parametrize(("change", "expected"), OTHERS, ids="-".join)
def test_so_is_what_is_seen_elsewhere(change: Change, expected: dict[str, State]) -> None:
    assert bad(**change) == expected


def test_one_file_system_is_spoken_of_once_however_much_is_kept_there() -> None:
    found = said(disks=[DISK, replace(DISK, place="payloads", free=DISK.free - 1)])

    assert "our own files and the utilities' answers" in found["disk_good"].text.what_happened


def test_every_word_is_used_and_every_sentence_whole() -> None:
    everything = [said()] + [said(figures=replace(WELL, **change)) for change, _ in CASES]
    everything += [said(**change) for change, _ in OTHERS]
    found = {code: finding for each in everything for code, finding in each.items()}

    assert set(found) == set(SYSTEM)
    for finding in found.values():
        text = finding.text
        assert re.fullmatch(r"[A-Z].*[^.]", text.title)
        assert re.fullmatch(r"[A-Z0-9].*\.", text.what_happened)
        assert bool(text.what_to_do) is (finding.state is not State.GOOD)
        assert "{" not in text.message
        assert "  " not in text.message.strip()


@pytest.mark.parametrize(
    ("function", "value", "words"),
    [
        (system_checks.size, 999, "999 B"),
        (system_checks.size, 3 * GB, "3.0 GB"),
        (system_checks.size, 3000 * GB, "2.9 TB"),
        (system_checks.span, timedelta(0), "1 second"),
        (system_checks.span, timedelta(seconds=61), "1 minute"),
        (system_checks.span, timedelta(hours=47), "1 day"),
    ],
)
def test_sizes_and_times_are_in_one_unit(
    function: Callable[[Any], str], value: object, words: str
) -> None:
    assert function(value) == words
