"""The proof of the audit log names what was edited, removed, moved, cut off or rewritten."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dcarbon.domain import audit_proof
from dcarbon.domain.audit_proof import GENESIS, Finding, Head, Proof, Verdict

Log = list[dict[str, Any]]
OLD, NEW = "2018-05-04T12:00:00.000000+00:00", "2026-05-04T12:00:00.000000+00:00"


def chained(entry: dict[str, Any], seq: int, link: str) -> dict[str, Any]:
    whole = {**entry, "seq": seq, "previous_hash": link}
    return {**whole, "hash": audit_proof.digest(whole)}


def entry(number: int) -> dict[str, Any]:
    return {
        "at": OLD,
        "event": "facility_updated",
        "actor_kind": "system",
        "actor_id": None,
        "facility_id": None,
        "authorization_id": None,
        "ip": None,
        "details": {"n": number},
    }


def log_of(count: int, *, first: int = 1, link: str = GENESIS) -> Log:
    made: Log = []
    for seq in range(first, first + count):
        made.append(chained(entry(seq), seq, link))
        link = made[-1]["hash"]
    return made


def proven(log: Log, *heads: Head, **asked: Any) -> Verdict:
    proof = Proof(heads, **asked)
    for one in log:
        proof.take(one)
    return proof.verdict()


def named(verdict: Verdict) -> list[tuple[str, int, int]]:
    return [(one.kind, one.first, one.last) for one in verdict.findings]


def rechained(log: Log, begin: int) -> Log:
    """Give all entries from ``begin`` on the hashes that make them look whole."""
    done = log[:begin]
    for one in log[begin:]:
        link = done[-1]["hash"] if done else GENESIS
        done.append(chained(one, one["seq"], link))
    return done


def edited(log: Log) -> Log:
    return [{**one, "details": {"n": 0}} if one["seq"] == 3 else one for one in log]


def replaced(log: Log) -> Log:
    changed = edited(log)
    changed[2] = chained(changed[2], 3, changed[1]["hash"])
    return changed


def renumbered(log: Log) -> Log:
    second, fourth = ({**log[3], "seq": 2}, {**log[1], "seq": 4})
    return [log[0], second, log[2], fourth, *log[4:]]


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        (lambda log: log, []),
        (lambda log: [], []),
        (edited, [("edited", 3, 3)]),
        (replaced, [("replaced", 3, 3)]),
        (lambda log: log[:2] + log[4:], [("missing", 3, 4)]),
        (lambda log: log[2:], [("missing", 1, 2)]),
        (lambda log: [log[0], log[2], log[1], *log[3:]], [("moved", 2, 2)]),
        (renumbered, [("moved", 2, 2), ("moved", 4, 4)]),
        (lambda log: log[:3] + log[2:], [("repeated", 3, 3)]),
        (lambda log: edited(log)[1:], [("missing", 1, 1), ("edited", 3, 3)]),
    ],
    ids=[
        *("whole", "empty", "edited", "edited_with_hash", "deleted", "beginning", "swapped"),
        *("renumbered", "twice", "two_things"),
    ],
)
def test_what_is_not_as_written_is_named(
    tamper: Callable[[Log], Log], found: list[tuple[str, int, int]]
) -> None:
    verdict = proven(tamper(log_of(6)))

    assert named(verdict) == found


def test_a_cut_end_and_a_rewritten_log_show_against_kept_heads() -> None:
    log = log_of(6)
    heads = [Head(one["seq"], one["hash"], f"day {one['seq']}") for one in log if one["seq"] % 2]

    whole = proven([*log, *log_of(1, first=7, link=log[5]["hash"])], *heads)
    cut = proven(log[:4], *heads, Head(6, log[5]["hash"], "day 6"))
    rewritten = proven(rechained(edited(log), 2), *heads)

    assert (whole.findings, whole.heads_met) == ((), 3)
    assert cut.findings == (
        Finding(
            *(5, 6, "cut_off"),
            "entries 5 to 6 are missing at the end: entry 6 was there on day 6",
        ),
    )
    assert named(rewritten) == [("rewritten", 2, 3), ("rewritten", 2, 5)]
    assert "rewritten after entry 1" in rewritten.findings[0].text


def removal(seq: int, link: str, *, through: Log, at: str = NEW) -> dict[str, Any]:
    details = {
        "last_seq": through[-1]["seq"],
        "last_hash": through[-1]["hash"],
        "newest_at": through[-1]["at"],
    }
    said = {**entry(seq), "event": audit_proof.REMOVED, "at": at, "details": details}
    return chained(said, seq, link)


def test_the_chain_outlives_the_removal_of_old_entries() -> None:
    log = log_of(6)
    said = removal(7, log[5]["hash"], through=log[:3])
    early = removal(7, log[5]["hash"], through=log[:3], at="2018-09-01T00:00:00+00:00")
    heads = [Head(2, log[1]["hash"]), Head(3, log[2]["hash"]), Head(6, log[5]["hash"])]

    good = proven([*log[3:], said], *heads)
    too_much = proven([*log[4:], said])
    unsaid = proven(log[3:])
    unsaid_in_database = Proof()
    for one in log:
        unsaid_in_database.take(one)

    assert (good.findings, good.heads_met, good.heads_before) == ((), 2, 1)
    assert named(proven([*log[3:], said], Head(3, "0" * 64))) == [("rewritten", 3, 3)]
    assert named(too_much) == [("missing", 4, 4)]
    assert named(unsaid) == [("missing", 1, 3)]
    assert named(proven([*log[3:], early])) == [("removed_early", 3, 3)]
    assert named(unsaid_in_database.verdict(removed_through=3)) == [("missing", 1, 3)]


def test_a_selection_is_proven_for_what_it_holds() -> None:
    log = log_of(6)

    assert proven([log[1], log[4]], is_selection=True).findings == ()
    assert named(proven(edited(log)[1:], is_selection=True)) == [("edited", 3, 3)]


def written(log: Log, place: Path, *more: str) -> Path:
    lines = [audit_proof.canonical(one).decode() for one in log]
    place.write_text("\n".join([*lines, *more]) + "\n", "utf-8")
    return place


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "Expecting property name"),
        ("[]", "does not have the members"),
        ('{"event": "a", "event": "b"}', "stands there twice"),
        (json.dumps({**log_of(1)[0], "seq": True}), "not of the right kind"),
    ],
)
def test_a_line_that_is_no_entry_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, why: str
) -> None:
    export = written(log_of(2), tmp_path / "log.jsonl", line)

    assert audit_proof.main([str(export)]) == 1
    told = capsys.readouterr().out
    assert "line 3 is no entry" in told
    assert why in told


def test_the_program_works_alone_on_an_export_and_kept_heads(tmp_path: Path) -> None:
    log = log_of(5)
    program = tmp_path / "verify.py"
    program.write_bytes(Path(audit_proof.__file__).read_bytes())
    heads = tmp_path / "heads.jsonl"
    heads.write_text(json.dumps({"seq": 4, "hash": log[3]["hash"], "taken_at": NEW}) + "\n")

    def told(export: Path, *more: str) -> tuple[int, str]:
        command = [sys.executable, "-I", str(program), str(export), "--heads", str(heads), *more]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        return done.returncode, done.stdout + done.stderr

    whole = told(written(log, tmp_path / "log.jsonl"), "--head", f"5:{log[4]['hash']}")
    cut = told(written(log[:3], tmp_path / "cut.jsonl"))

    assert whole[0] == 0
    assert "5 entries read, 1 to 5" in whole[1]
    assert "Kept heads that agree: 2;" in whole[1]
    assert cut[0] == 1
    assert f"entry 4 is missing at the end: entry 4 was there on {NEW}" in cut[1]
    assert told(tmp_path / "absent.jsonl")[0] == 2
