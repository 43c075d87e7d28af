"""The proof of the audit log names exactly the entries it is about, and says so in words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from dcarbon.domain import audit_proof
from dcarbon.domain.audit_proof import GENESIS, Finding, Head, Proof, Removal, Verdict
from tests.unit.domain.test_audit_proof import (
    OLD,
    chained,
    edited,
    entry,
    log_of,
    named,
    proven,
    rechained,
    removal,
    renumbered,
)


def texts(verdict: Verdict) -> list[str]:
    return [one.text for one in verdict.findings]


def test_a_whole_log_is_told_with_its_ends() -> None:
    log = log_of(5)

    whole, later = proven(log), proven(log[1:])

    assert (whole.entries, whole.first, whole.last) == (5, 1, 5)
    assert (later.entries, later.first, later.last) == (4, 2, 5)
    assert whole.last_hash == log[4]["hash"]


def test_a_log_of_nothing_ends_where_every_log_begins() -> None:
    empty = Proof().verdict()

    assert (empty.entries, empty.first, empty.last, empty.last_hash) == (0, 0, 0, "0" * 64)
    assert (empty.findings, empty.removals, empty.heads_before) == ((), (), 0)


def test_canonical_json_is_sorted_unspaced_and_not_escaped() -> None:
    assert audit_proof.canonical({"b": "é", "a": [1, None]}) == '{"a":[1,null],"b":"é"}'.encode()


@pytest.mark.parametrize("value", range(-8, 0))
def test_the_entry_before_the_one_with_another_link_was_replaced(value: int) -> None:
    log = log_of(5)
    log[2] = chained({**log[2], "details": {"n": value}}, 3, log[1]["hash"])

    assert texts(proven(log)) == ["entry 3 was replaced: entry 4 was chained to another one"]


@pytest.mark.parametrize("hash_", ["0" * 64, "f" * 64])
def test_an_entry_with_any_other_hash_was_edited(hash_: str) -> None:
    log = log_of(4)
    log[3] = {**log[3], "hash": hash_}

    assert named(proven(log)) == [("edited", 4, 4)]


def test_several_edited_entries_are_not_taken_for_moved_ones() -> None:
    log = [{**one, "details": {"n": 0}} if one["seq"] > 4 else one for one in log_of(9)]

    assert named(proven(log)) == [("edited", seq, seq) for seq in range(5, 10)]


def test_an_edited_entry_hides_no_replaced_one() -> None:
    log = log_of(7)
    log[1] = {**log[1], "details": {}}
    log[4] = chained({**log[4], "details": {}}, 5, log[3]["hash"])

    assert named(proven(log)) == [("edited", 2, 2), ("replaced", 5, 5)]


def test_entries_that_changed_places_do_not_hide_a_rewritten_one() -> None:
    found = named(proven(renumbered(log_of(6)), Head(2, "0" * 64)))

    assert found == [("moved", 2, 2), ("rewritten", 2, 2), ("moved", 4, 4)]


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ((1, 5, 3, 6), [("missing", 2, 2), ("missing", 4, 4), ("moved", 3, 3)]),
        ((1, 5, 2, 6), [("missing", 3, 4), ("moved", 2, 2)]),
        ((1, 5, 4, 6), [("missing", 2, 3), ("moved", 4, 4)]),
        ((1, 3, 6, 5), [("missing", 2, 2), ("missing", 4, 4), ("moved", 5, 5)]),
        ((4, 5, 3), [("missing", 1, 3), ("moved", 3, 3)]),
        ((4, 5, 1), [("missing", 1, 3), ("moved", 1, 1)]),
        ((1, 2, 2, 3), [("repeated", 2, 2)]),
    ],
)
def test_what_stands_elsewhere_is_moved_and_the_rest_of_a_gap_is_missing(
    order: tuple[int, ...], found: list[tuple[str, int, int]]
) -> None:
    log = log_of(6)

    assert sorted(named(proven([log[seq - 1] for seq in order]))) == found


def test_a_moved_entry_is_said_to_stand_after_the_one_before_it() -> None:
    log = log_of(5)

    inside = proven([log[0], log[3], log[1]], is_selection=True)
    before = proven([log[2], log[3], log[1]], is_selection=True)

    assert texts(inside) == ["entry 2 was moved: it stands after entry 4"]
    assert texts(before) == ["entry 2 was moved: it stands after entry 4"]


@pytest.mark.parametrize("count", [2, 3])
def test_a_line_that_is_no_entry_stands_after_the_last_that_is_one(count: int) -> None:
    proof = Proof()
    for one in log_of(count):
        proof.take(one)

    proof.unreadable(9, "why")

    (found,) = proof.verdict().findings
    assert found == Finding(count + 1, count + 1, "unreadable", "line 9 is no entry: why")


@pytest.mark.parametrize("link", ["", "f" * 64])
def test_a_first_entry_is_chained_to_nothing(link: str) -> None:
    found = proven(log_of(3, link=link))

    assert found.findings == (
        Finding(
            *(1, 1, "replaced"),
            "entry 1 was chained to another entry than the one removed before it",
        ),
    )


def test_a_rewritten_log_is_named_from_the_last_head_that_agrees() -> None:
    log = log_of(6)
    heads = [Head(seq, log[seq - 1]["hash"], f"day {seq}") for seq in (1, 2, 5)]

    found = proven(rechained(edited(log), 2), *heads)

    assert found.findings == (
        Finding(
            *(3, 5, "rewritten"),
            "entry 5 is not the one that was last on day 5: the log was rewritten after entry 2",
        ),
    )
    (told,) = texts(proven(log, Head(2, "0" * 64)))
    assert told.endswith("on an unknown time: the log was rewritten at or before it")


@pytest.mark.parametrize("count", [2, 3])
def test_a_cut_end_begins_after_the_last_entry_and_such_a_head_is_not_older(count: int) -> None:
    found = proven(log_of(count), Head(9, "0" * 64, "day 9"))

    assert [(one.first, one.last) for one in found.findings] == [(count + 1, 9)]
    assert found.heads_before == 0


def test_from_a_number_on_nothing_before_it_is_missed() -> None:
    log = log_of(7)
    nothing = proven([], Head(3, log[2]["hash"]), since=4)

    assert (nothing.first, nothing.last, nothing.last_hash, nothing.heads_before) == (0, 3, "", 0)
    assert nothing.findings == ()
    assert named(proven([], Head(5, log[4]["hash"]), since=4)) == [("cut_off", 4, 5)]
    assert proven(log[3:], since=4).findings == ()
    assert texts(proven(log[5:], since=4)) == [
        "entries 4 to 5 are missing at the beginning, and no entry says why"
    ]


def removed_in_turns(log: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a log that says twice what was removed: up to entry 2, then up to entry 4."""
    first = removal(7, log[5]["hash"], through=log[:2])
    return [*log[:6], first, removal(8, first["hash"], through=log[:4])]


def test_entries_are_removed_up_to_what_was_said_last() -> None:
    log = removed_in_turns(log_of(6))

    assert proven(log[4:]).findings == ()
    assert [one.last_seq for one in proven(log[4:]).removals] == [2, 4]
    assert texts(proven(log[5:])) == ["entry 5 is missing at the beginning, and no entry says why"]


@pytest.mark.parametrize("said", ["0" * 64, "f" * 64])
def test_the_first_entry_left_is_chained_to_the_last_one_removed(said: str) -> None:
    log = log_of(6)
    wrong = [{**one, "hash": said} for one in log[:3]]

    found = proven([*log[3:], removal(7, log[5]["hash"], through=wrong)])

    assert named(found) == [("replaced", 4, 4)]
    assert texts(found)[0].startswith("entry 4 was chained to another entry than")


@pytest.mark.parametrize(
    ("through", "found"), [(0, []), (2, []), (3, []), (4, [("missing", 1, 4)])]
)
def test_what_the_database_removed_has_to_be_said(
    through: int, found: list[tuple[str, int, int]]
) -> None:
    log = log_of(6)
    proof = Proof()
    for one in [*log[3:], removal(7, log[5]["hash"], through=log[:3])]:
        proof.take(one)

    verdict = proof.verdict(removed_through=through)

    assert named(verdict) == found
    assert all(
        text == "entries 1 to 4 are missing: the database removed them, and no entry says so"
        for text in texts(verdict)
    )


@pytest.mark.parametrize(("through", "is_found"), [(2, False), (4, False), (5, True)])
def test_what_was_removed_before_the_number_asked_for_is_not_missed(
    through: int, *, is_found: bool
) -> None:
    proof = Proof(since=4)
    for one in log_of(6)[3:]:
        proof.take(one)

    assert bool(proof.verdict(removed_through=through).findings) is is_found


@pytest.mark.parametrize(
    ("at", "days"),
    [("2019-05-04T12:00:00+00:00", None), ("2019-05-04T11:59:59+00:00", 364)],
)
def test_an_entry_is_kept_for_a_year(at: str, days: int | None) -> None:
    """The newest entry removed is from noon of 2018-05-04."""
    log = log_of(6)

    found = proven([*log[3:], removal(7, log[5]["hash"], through=log[:3], at=at)])

    told = f"entry 3 was {days} days old when entry 7 says that it was removed for its age; "
    assert texts(found) == ([f"{told}entries are kept 365 days at least"] if days else [])


@pytest.mark.parametrize(
    "change",
    [
        {"last_seq": "three"},
        {"last_seq": None},
        {"newest_at": "yesterday"},
        {"newest_at": "2018-05-04T12:00:00"},
        {"last_hash": ...},
    ],
    ids=str,
)
def test_a_removal_that_does_not_say_what_went_is_named(change: dict[str, Any]) -> None:
    said = {"last_seq": 3, "last_hash": "0" * 64, "newest_at": OLD} | change
    details = {name: value for name, value in said.items() if value is not ...}
    told = {**entry(1), "event": audit_proof.REMOVED, "details": details}

    assert texts(proven([chained(told, 1, GENESIS)])) == [
        "entry 1 does not say which entries were removed"
    ]


def test_no_other_event_says_what_was_removed() -> None:
    log = [chained({**entry(1), "event": "a_first_word"}, 1, GENESIS)]

    assert proven(log).findings == ()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, ""),
        ({"more": 1}, "does not have the members"),
        ({"ip": ...}, "does not have the members"),
        ({"seq": "1"}, "not of the right kind"),
        ({"at": None}, "not of the right kind"),
        ({"hash": 1}, "not of the right kind"),
        ({"details": []}, "its details are no object"),
    ],
    ids=str,
)
def test_an_entry_has_its_members_and_no_others(change: dict[str, Any], why: str) -> None:
    members = {**log_of(1)[0], **change}
    line = json.dumps({name: value for name, value in members.items() if value is not ...})
    proof = Proof()

    taken = list(audit_proof.entries_in([line.encode()], proof))

    assert len(taken) == (0 if why else 1)
    assert [why in text for text in texts(proof.verdict())] == ([True] if why else [])


@pytest.mark.parametrize(
    "line", ['{"seq": 1}', '{"seq": null, "hash": "", "taken_at": ""}', "[1]", "{", '{"seq": "x"}']
)
def test_a_kept_head_that_is_none_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"a head has seq|Expecting|invalid literal"):
        audit_proof.heads_in([line])


def shown(findings: int, *removals: Removal) -> list[str]:
    several = tuple(Finding(n, n, "missing", f"entry {n} is missing") for n in range(findings))
    plain = Proof().verdict()
    return audit_proof.lines_of(replace(plain, findings=several, removals=removals))


@pytest.mark.parametrize(
    ("findings", "rest"),
    [(49, []), (50, []), (51, ["... and 1 more"]), (120, ["... and 70 more"])],
)
def test_fifty_findings_are_shown_and_the_rest_is_counted(findings: int, rest: list[str]) -> None:
    lines = shown(findings)

    assert [line for line in lines if line.startswith("...")] == rest
    assert len([line for line in lines if line.startswith("NOT AS WRITTEN")]) == min(findings, 50)


def test_the_last_removal_is_told() -> None:
    removals = [Removal(n, "", f"day {n}", 10 + n, f"day {10 + n}") for n in (1, 2, 3)]

    assert (
        "Entries 1 to 3 were removed for their age by day 13; the newest of them was from day 3 "
        "(entry 13 says so)."
    ) in shown(0, *removals)
