"""The audit chain: every entry covers the one before, and any change of the past shows."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import OperationalError

from dcarbon.db import audit_chain
from dcarbon.db import engine as database
from dcarbon.db.audit_chain import NewEntry
from dcarbon.db.engine import Sessions
from dcarbon.db.tables import AuditEntry
from dcarbon.domain.audit_proof import Head
from dcarbon.domain.errors import AuditEntryInvalid

pytestmark = pytest.mark.database

NOW = datetime(2026, 5, 4, 12, 30, 15, 123456, tzinfo=UTC)


def entry(event: str = "authorization_created", **fields: object) -> NewEntry:
    return NewEntry(at=NOW, event=event, actor_kind="system", **fields)  # type: ignore[arg-type]


def append(sessions: Sessions, *entries: NewEntry) -> None:
    with sessions.begin() as session:
        audit_chain.append(session, entries)


def tamper(sessions: Sessions, change: str) -> None:
    with sessions.begin() as session:
        session.execute(text("alter table audit_entries disable trigger all"))
        session.execute(text(change))
        session.execute(text("alter table audit_entries enable trigger all"))


def first_bad(sessions: Sessions) -> int | None:
    with sessions() as session:
        return audit_chain.verify(session)


def test_an_empty_log_is_whole(sessions: Sessions) -> None:
    assert first_bad(sessions) is None


def test_entries_are_numbered_from_one_and_chained(sessions: Sessions) -> None:
    append(sessions, entry("a_happened"), entry("b_happened"))
    append(sessions, entry("c_happened"))

    with sessions() as session:
        rows = session.scalars(select(AuditEntry).order_by(AuditEntry.seq)).all()
        head = audit_chain.head(session)
    assert [row.seq for row in rows] == [1, 2, 3]
    assert [row.previous_hash for row in rows] == [
        audit_chain.GENESIS,
        rows[0].hash,
        rows[1].hash,
    ]
    assert head == (3, rows[2].hash)
    assert first_bad(sessions) is None


DETAILS = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(details=st.dictionaries(st.text(max_size=5), DETAILS, max_size=4))
def test_any_details_survive_storage_and_verify(
    sessions: Sessions, details: dict[str, object]
) -> None:
    append(sessions, entry(details=details))

    assert first_bad(sessions) is None


def test_an_entry_with_everything_in_it_verifies(sessions: Sessions) -> None:
    everything = NewEntry(
        at=NOW.astimezone(timezone(timedelta(hours=-7))),
        event="interval_data_imported",
        actor_kind="person",
        actor_id=UUID(int=1),
        facility_id=UUID(int=2),
        authorization_id=UUID(int=3),
        ip="2001:DB8:0::1",
        details={"energy_wh": Decimal("1.50"), "meter": UUID(int=4), "day": date(2026, 5, 4)},
    )

    append(sessions, everything, entry(ip="192.0.2.7"))

    assert first_bad(sessions) is None


@pytest.mark.parametrize(
    ("change", "seq"),
    [
        ("update audit_entries set event = 'x' where seq = 2", 2),
        ("update audit_entries set at = at + interval '1 microsecond' where seq = 3", 3),
        ("""update audit_entries set details = '{"n": 1}' where seq = 1""", 1),
        ("update audit_entries set ip = '192.0.2.1' where seq = 2", 2),
        ("update audit_entries set hash = previous_hash where seq = 2", 2),
        ("delete from audit_entries where seq = 2", 2),
        ("delete from audit_entries where seq = 1", 1),
    ],
)
def test_a_changed_past_shows_where_it_begins(sessions: Sessions, change: str, seq: int) -> None:
    append(sessions, *(entry(details={"n": n}) for n in range(4)))

    tamper(sessions, change)

    assert first_bad(sessions) == seq


def test_a_cut_end_shows_against_a_head_kept_elsewhere(sessions: Sessions) -> None:
    append(sessions, entry(), entry())
    with sessions() as session:
        kept = audit_chain.head(session)

    tamper(sessions, "delete from audit_entries where seq = 2")

    with sessions() as session:
        assert audit_chain.head(session) != kept


@pytest.mark.parametrize(
    "bad",
    [
        entry(details={"energy": 1.5}),
        entry(details={"secret": b"bytes"}),
        entry(ip="not an address"),
        NewEntry(at=NOW.replace(tzinfo=None), event="e", actor_kind="system"),
    ],
    ids=["float", "bytes", "address", "naive_time"],
)
def test_what_cannot_be_kept_exactly_is_refused(sessions: Sessions, bad: NewEntry) -> None:
    with pytest.raises(AuditEntryInvalid):
        append(sessions, bad)

    assert first_bad(sessions) is None


def test_appends_at_the_same_time_make_one_chain(sessions: Sessions) -> None:
    def append_ten() -> None:
        for _ in range(5):
            append(sessions, entry(), entry())

    writers = [threading.Thread(target=append_ten) for _ in range(4)]

    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    with sessions() as session:
        assert audit_chain.head(session)[0] == 40
    assert first_bad(sessions) is None


def test_an_entry_is_on_disk_when_the_commit_is_answered(engine: Engine, database_url: str) -> None:
    """The commit itself does not wait for the disk: whoever asked for it does, right after."""
    with engine.begin() as connection:
        name = connection.execute(text("select quote_ident(current_database())")).scalar_one()
        connection.execute(text(f"alter database {name} set synchronous_commit = on"))
    strict = database.create(database_url)
    sessions = database.sessions(strict)
    append(sessions, entry())

    with strict.connect() as beside:
        begin = beside.execute(text("select pg_current_wal_insert_lsn()")).scalar_one()
        append(sessions, entry(details={"text": "x" * 1_000}))
        flushed = text("select pg_wal_lsn_diff(pg_current_wal_flush_lsn(), :begin)")
        past = beside.execute(flushed, {"begin": begin}).scalar_one()
    strict.dispose()

    assert past > 1_000


def test_an_entry_in_a_savepoint_goes_with_it(sessions: Sessions) -> None:
    with sessions.begin() as session:
        audit_chain.append(session, [entry("kept")])
        with session.begin_nested():
            audit_chain.append(session, [entry("kept_too")])
        savepoint = session.begin_nested()
        audit_chain.append(session, [entry("gone")])
        savepoint.rollback()

    with sessions() as session:
        assert set(session.scalars(select(AuditEntry.event))) == {"kept", "kept_too"}
    assert first_bad(sessions) is None


def test_a_connection_cut_at_the_commit_is_an_error_of_the_database(sessions: Sessions) -> None:
    session = sessions()
    pid = session.execute(text("select pg_backend_pid()")).scalar_one()
    audit_chain.append(session, [entry()])
    with sessions.begin() as other:
        other.execute(text("select pg_terminate_backend(:pid)"), {"pid": pid})

    with pytest.raises(OperationalError):
        session.commit()
    session.close()

    append(sessions, entry())
    with sessions() as reading:
        assert audit_chain.head(reading)[0] == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("update audit_entries set event = 'x' where seq = 2", [("edited", 2, 2)]),
        ("delete from audit_entries where seq between 2 and 3", [("missing", 2, 3)]),
        (
            """
            update audit_entries set seq = 105 - seq where seq in (2, 3);
            update audit_entries set seq = seq - 100 where seq > 100
            """,
            [("moved", 2, 2), ("moved", 3, 3)],
        ),
        ("delete from audit_entries where seq > 2", [("cut_off", 3, 4)]),
    ],
    ids=["edited", "deleted", "reordered", "truncated"],
)
def test_what_was_done_behind_the_product_is_named(
    sessions: Sessions, change: str, told: list[tuple[str, int, int]]
) -> None:
    append(sessions, *(entry(details={"n": n}) for n in range(4)))
    with sessions() as session:
        seq, value = audit_chain.head(session)

    tamper(sessions, change)

    with sessions() as session:
        verdict = audit_chain.prove(session, heads=[Head(seq, value.hex())])
    assert [(one.kind, one.first, one.last) for one in verdict.findings] == told


def test_a_log_written_anew_shows_against_a_head_kept_elsewhere(sessions: Sessions) -> None:
    append(sessions, entry("a_happened"), entry("b_happened"))
    with sessions() as session:
        seq, value = audit_chain.head(session)

    tamper(sessions, "delete from audit_entries")
    append(sessions, entry("a_happened"), entry("c_happened"), entry("d_happened"))

    with sessions() as session:
        assert audit_chain.verify(session) is None
        verdict = audit_chain.prove(session, heads=[Head(seq, value.hex(), "Monday")])
    assert [one.text for one in verdict.findings] == [
        "entry 2 is not the one that was last on Monday: the log was rewritten at or before it"
    ]


def test_a_rolled_back_append_leaves_no_hole(sessions: Sessions) -> None:
    append(sessions, entry())
    with sessions() as session:
        audit_chain.append(session, [entry()])
        session.rollback()

    append(sessions, entry())

    with sessions() as session:
        assert audit_chain.head(session)[0] == 2
    assert first_bad(sessions) is None
