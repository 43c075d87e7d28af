"""Heads of the audit log leave the database every day; old entries go, and the chain survives."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select, text

from dcarbon.cli.audit import command
from dcarbon.db import audit_chain
from dcarbon.db.audit import AuditCheckpoint, AuditEntry
from dcarbon.db.mails import Mail
from dcarbon.domain import audit_proof
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import AuditLogBroken, SettingsInvalid
from dcarbon.services import audit, audit_export, audit_heads, audit_retention, people
from dcarbon.services.actors import SYSTEM
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines.audit_log import audit_log
from tests.integration.services.conftest import MovableClock, entries, events

LONG_AGO = datetime(2010, 5, 4, tzinfo=UTC)


def record(runtime: Runtime, *ats: datetime) -> None:
    with runtime.sessions.begin() as session:
        for at in ats:
            audit.record(session, AuditEvent.FACILITY_UPDATED, actor=SYSTEM, at=at, fields=["name"])


def behind_the_product(runtime: Runtime, change: str) -> None:
    with runtime.sessions.begin() as session:
        session.execute(text("alter table audit_entries disable trigger all"))
        session.execute(text(change))
        session.execute(text("alter table audit_entries enable trigger all"))


@pytest.fixture
def administrator(runtime: Runtime) -> None:
    people.make_admin(runtime.sessions, email="ada@example.test", actor=SYSTEM, now=runtime.now())


@pytest.mark.usefixtures("administrator")
def test_a_head_goes_to_a_file_and_by_mail_once_a_day(
    runtime: Runtime, clock: MovableClock
) -> None:
    first = audit_heads.keep(runtime)
    again = audit_heads.keep(runtime)
    clock.advance(timedelta(days=1))
    next_day = audit_heads.keep(runtime)

    kept = audit_heads.kept(runtime.settings)
    assert [head.seq for head in kept] == [first.head.seq, again.head.seq, next_day.head.seq]
    # The entry that says so comes right after the head it speaks of.
    said = entries(runtime)[-1]
    assert (said.event, said.details["seq"]) == ("audit_head_kept", said.seq - 1)
    assert said.details["hash"] == said.previous_hash.hex() == next_day.head.hash
    assert (first.mails, again.mails, next_day.mails) == (1, 0, 1)
    with runtime.sessions() as session:
        mail = session.scalars(select(Mail).order_by(Mail.created_at.desc())).first()
    assert mail is not None
    assert f"{next_day.head.seq}:{next_day.head.hash}" in mail.text_body.replace("\n", " ")
    assert "2026-03-21" in mail.subject
    # Only what came since the last head is read again.
    assert next_day.proven == 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("update audit_entries set event = 'x' where seq = 4", "entry 4 (x"),
        ("delete from audit_entries where seq >= 3", "3 to 5 are missing at the end"),
    ],
)
def test_no_head_is_kept_of_a_log_that_was_changed(
    runtime: Runtime, change: str, told: str
) -> None:
    record(runtime, *[LONG_AGO] * 5)
    audit_heads.keep(runtime)

    behind_the_product(runtime, change)

    with pytest.raises(AuditLogBroken) as caught:
        audit_heads.keep(runtime, whole=True)
    assert told in str(caught.value)
    assert len(audit_heads.kept(runtime.settings)) == 1


def test_a_file_of_heads_that_is_none_is_said(runtime: Runtime) -> None:
    place = audit_heads.file_of(runtime.settings)
    place.write_text("{}\n")

    with pytest.raises(SettingsInvalid) as caught:
        audit_heads.keep(runtime)

    assert caught.value.code == "audit_heads_unreadable"
    assert str(place) in caught.value.display_message


def test_old_entries_go_from_the_beginning_and_the_chain_says_so(
    runtime: Runtime, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, young = LONG_AGO, runtime.now()
    record(runtime, old, old, old, old, young, old, young)
    kept = audit_heads.keep(runtime).head

    removed = audit_retention.remove_old(runtime, at_once=3)
    again = audit_retention.remove_old(runtime)

    assert (removed, again) == (4, 0)
    left = entries(runtime)
    # What stands behind a younger one stays with it.
    assert [one.seq for one in left] == [5, 6, 7, 8, 9, 10]
    assert [one.event for one in left][-2:] == ["audit_entries_removed"] * 2
    assert left[-1].details["last_hash"] == left[0].previous_hash.hex()
    with runtime.sessions() as session:
        assert session.scalars(select(AuditCheckpoint.last_seq)).all() == [3, 4]
        verdict = audit_chain.prove(session, heads=[kept])
        export = tmp_path / "export.jsonl"
        with export.open("wb") as file:
            file.writelines(audit_export.lines(session))
    assert (verdict.findings, verdict.heads_met, verdict.entries) == ((), 1, 6)
    assert audit_proof.main([str(export), "--head", f"{kept.seq}:{kept.hash}"]) == 0
    assert "Entries 1 to 4 were removed for their age" in capsys.readouterr().out

    behind_the_product(runtime, "delete from audit_entries where seq = 5")

    with runtime.sessions() as session:
        told = audit_chain.prove(session, heads=[kept]).findings
    assert [one.text for one in told] == [
        "entry 5 is missing at the beginning, and no entry says why"
    ]


def test_a_log_of_old_entries_alone_ends_in_saying_that_they_went(runtime: Runtime) -> None:
    record(runtime, LONG_AGO, LONG_AGO)

    assert audit_retention.remove_old(runtime) == 2
    assert events(runtime) == ["audit_entries_removed"] * 2


def test_the_nightly_run_proves_keeps_and_removes(runtime: Runtime) -> None:
    record(runtime, LONG_AGO, LONG_AGO)

    assert audit_log.execute_in_process(resources={"runtime": runtime}).success

    assert len(audit_heads.kept(runtime.settings)) == 1
    assert events(runtime) == ["audit_head_kept", "audit_entries_removed"]


Dcarbon = Callable[..., tuple[int, str]]


@pytest.fixture
def dcarbon(runtime: Runtime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Dcarbon:
    """``dcarbon audit`` on the database of the test."""
    url = runtime.settings.database_url
    assert url is not None
    monkeypatch.setenv("DCARBON_DATABASE_URL", url.get_secret_value())
    monkeypatch.setenv("DCARBON_SEAL_KEYS_FILE", str(tmp_path / "seal.keys"))
    monkeypatch.setenv("DCARBON_DIRECTORY", str(tmp_path))

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(command, arguments)
        return done.exit_code, done.stdout

    return run


def test_the_command_proves_exports_and_keeps(
    runtime: Runtime, dcarbon: Dcarbon, tmp_path: Path
) -> None:
    record(runtime, *[LONG_AGO] * 3)
    unkept = dcarbon("verify")
    head = dcarbon("head")
    whole = dcarbon("verify", "--head", head[1].split()[0])
    exported = dcarbon("export", str(tmp_path / "log.jsonl"))

    behind_the_product(runtime, "update audit_entries set actor_kind = 'person' where seq = 2")
    changed = dcarbon("verify")

    assert (unkept[0], head[0], whole[0], exported[0]) == (0, 0, 0, 0)
    assert "No kept head was at hand" in unkept[1]
    assert "Kept heads that agree: 2;" in whole[1]
    assert "works as the owner of the log" in whole[1]
    lines = (tmp_path / "log.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [1, 2, 3, 4]
    assert changed[0] == 1
    assert "NOT AS WRITTEN  entry 2 (facility_updated, 2010-05-04" in changed[1]
    assert dcarbon("verifier")[1] == Path(audit_proof.__file__).read_text("utf-8")


@pytest.mark.usefixtures("administrator")
def test_a_broken_log_goes_on_from_where_somebody_accepted_it(
    runtime: Runtime, dcarbon: Dcarbon
) -> None:
    record(runtime, *[LONG_AGO] * 5)
    audit_heads.keep(runtime)
    nothing_wrong = dcarbon("accept", "--by", "ada@example.test", "--yes")
    behind_the_product(runtime, "update audit_entries set event = 'x' where seq = 4")
    behind_the_product(runtime, "delete from audit_entries where seq >= 6")

    not_asked = dcarbon("accept", "--by", "ada@example.test")
    accepted = dcarbon("accept", "--by", "ada@example.test", "--yes")

    assert (nothing_wrong[0], not_asked[0], accepted[0]) == (1, 1, 0)
    assert "NOT AS WRITTEN  entry 4 (x" in accepted[1]
    said = entries(runtime)[-1]
    assert (said.event, said.details["findings"]) == ("audit_log_accepted", 2)
    assert said.actor_id is not None
    place = audit_heads.file_of(runtime.settings)
    aside = list(place.parent.glob(f"{place.stem}-before-*.jsonl"))
    assert [len(file.read_text().splitlines()) for file in aside] == [1]
    # The nights go on, on Sundays too; whoever verifies still finds what was done.
    assert audit_heads.keep(runtime).proven > 0
    assert audit_heads.keep(runtime, whole=True).proven > 0
    assert dcarbon("verify")[0] == 1

    behind_the_product(runtime, "update audit_entries set event = 'y' where seq = 7")
    with pytest.raises(AuditLogBroken):
        audit_heads.keep(runtime, whole=True)


def test_a_selection_is_exported_as_it_is_hashed(runtime: Runtime) -> None:
    record(runtime, LONG_AGO, runtime.now(), LONG_AGO)

    with runtime.sessions() as session:
        lines = list(audit_export.lines(session, AuditEntry.at == LONG_AGO))

    proof = audit_proof.Proof(is_selection=True)
    for line in lines:
        proof.take(json.loads(line))
    assert [json.loads(line)["seq"] for line in lines] == [1, 3]
    assert proof.verdict().findings == ()
