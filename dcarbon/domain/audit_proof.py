"""Proves that the audit log is as it was written, or names what is not.

This file needs nothing but Python and can be given away: ``dcarbon audit verifier`` prints it.

    python audit_proof.py export.jsonl --heads audit-heads.jsonl

It reads an export, one JSON object a line with the fields of :data:`HASHED` and ``hash``, in the
order of ``seq``. A hash is SHA-256 over canonical JSON in the manner of RFC 8785 (sorted keys, no
spaces, UTF-8; numbers are integers) of the other fields, ``previous_hash`` among them. What was
cut off at the end, or rewritten together with everything after it, shows only against heads
(sequence number and hash of a last entry) that were kept elsewhere.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

HASHED = frozenset(
    (
        *("seq", "at", "event", "actor_kind", "actor_id"),
        *("facility_id", "authorization_id", "ip", "details", "previous_hash"),
    )
)
GENESIS = bytes(32).hex()
"""What the first entry is chained to."""
REMOVED = "audit_entries_removed"
"""The event that says up to where old entries were removed: ``last_seq``, ``last_hash``,
``newest_at`` in its details."""
LEAST_KEPT_DAYS = 365
"""No entry is ever removed before it is this old."""
_MOST_SUSPECTS = 200
_MOST_SHOWN = 50
_HEAD = re.compile(r"(\d+):([0-9a-f]{64})")
_CANONICAL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Head:
    """The last entry at some time, as it was kept outside the database; ``hash`` in hex."""

    seq: int
    hash: str
    taken_at: str = "an unknown time"


@dataclass(frozen=True, order=True)
class Finding:
    """What is not as it was written: the entries from ``first`` to ``last``, and how it shows."""

    first: int
    last: int
    kind: str
    text: str


@dataclass(frozen=True)
class Removal:
    """Entries up to ``last_seq`` that an entry of the log says were removed for their age."""

    last_seq: int
    last_hash: str
    newest_at: str
    said_by: int
    said_at: str


@dataclass(frozen=True)
class Verdict:
    """What came of a proof."""

    entries: int
    first: int
    last: int
    last_hash: str
    heads_met: int
    heads_before: int
    """Heads older than the oldest entry there is: nothing to compare them with."""
    removals: Sequence[Removal]
    findings: Sequence[Finding]


def canonical(value: Any) -> bytes:
    """Return the canonical JSON of strings, integers, booleans, ``None``, lists and mappings."""
    return _CANONICAL.encode(value).encode("utf-8")


def digest(entry: Entry) -> str:
    """Return the hash that belongs to the fields of an entry, in hex."""
    return hashlib.sha256(canonical({name: entry[name] for name in HASHED})).hexdigest()


@dataclass
class Proof:
    """Takes the entries one by one, in their order, and remembers what does not fit.

    ``is_selection``: entries are missing on purpose, as in the export of a search; each is proven
    for itself and against its neighbours, and nothing is said of what is not there.
    """

    heads: Iterable[Head] = ()
    is_selection: bool = False
    since: int = 0
    """The first number that was asked for, where not from the beginning."""
    _heads: dict[int, list[Head]] = field(default_factory=dict)
    _met: list[Head] = field(default_factory=list)
    _count: int = 0
    _before: tuple[int, str] = (0, GENESIS)
    _last: tuple[int, str] = (0, GENESIS)
    _gaps: dict[int, int] = field(default_factory=dict)
    _removals: list[Removal] = field(default_factory=list)
    _suspects: list[Entry] = field(default_factory=list)
    _found: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        for head in self.heads:
            self._heads.setdefault(head.seq, []).append(head)
        if self.since:
            self._before = self._last = (self.since - 1, "")

    def take(self, entry: Entry) -> None:
        """Take the next entry: the fields of :data:`HASHED` as they are exported, and ``hash``."""
        seq, last = entry["seq"], self._last[0]
        if not self._count:
            self._before = self._last = (seq - 1, entry["previous_hash"])
            last = seq - 1
        self._count += 1
        is_own = digest(entry) == entry["hash"]
        if not is_own:
            self._suspect(entry)
        if seq <= last:
            self._out_of_place(seq)
            return
        if seq > last + 1:
            self._gaps[last + 1] = seq - 1
        elif is_own and entry["previous_hash"] != self._last[1]:
            self._replaced(seq - 1)
        self._last = (seq, entry["hash"])
        if is_own and entry["event"] == REMOVED:
            self._removal(entry)
        for head in self._heads.pop(seq, ()):
            self._meet(head, entry["hash"])

    def unreadable(self, line: int, why: str) -> None:
        """Remember a line that is no entry."""
        after = self._last[0]
        self._find(after + 1, after + 1, "unreadable", f"line {line} is no entry: {why}")

    def verdict(self, *, removed_through: int = 0) -> Verdict:
        """Return what was found once all entries are taken.

        ``removed_through``: up to where the database says that it removed old entries.
        """
        before = self._past_heads()
        moved = self._moved()
        found = [one for one in self._found if one.kind != "edited" or one.first not in moved]
        found += moved.values()
        if not self.is_selection:
            found += [
                Finding(first, last, "missing", f"{_entries(first, last)} missing")
                for first, last in self._gaps.items()
            ]
            found += self._wrong_beginning()
            found += self._unsaid_removal(removed_through)
            found += self._cut_end()
        return Verdict(
            entries=self._count,
            first=self._before[0] + 1 if self._count else 0,
            last=self._last[0],
            last_hash=self._last[1],
            heads_met=len(self._met),
            heads_before=before,
            removals=tuple(self._removals),
            findings=tuple(sorted(set(found))),
        )

    def _find(self, first: int, last: int, kind: str, text: str) -> None:
        self._found.append(Finding(first, last, kind, text))

    def _suspect(self, entry: Entry) -> None:
        seq = entry["seq"]
        if len(self._suspects) < _MOST_SUSPECTS:
            self._suspects.append(entry)
        text = f"entry {seq} ({entry['event']}, {entry['at']}) was edited"
        self._find(seq, seq, "edited", f"{text}: its hash is not that of what it says")

    def _replaced(self, seq: int) -> None:
        """An entry is whole, and the one after it was chained to another."""
        if any(one["seq"] == seq for one in self._suspects):
            return
        text = f"entry {seq} was replaced: entry {seq + 1} was chained to another one"
        self._find(seq, seq, "replaced", text)

    def _out_of_place(self, seq: int) -> None:
        for first, last in self._gaps.items():
            if first <= seq <= last:
                del self._gaps[first]
                self._gaps |= {a: b for a, b in ((first, seq - 1), (seq + 1, last)) if a <= b}
                text = f"entry {seq} was moved: it stands after entry {self._last[0]}"
                self._find(seq, seq, "moved", text)
                return
        if seq <= self._before[0]:
            text = f"entry {seq} was moved: it stands after entry {self._last[0]}"
            self._find(seq, seq, "moved", text)
        else:
            self._find(seq, seq, "repeated", f"entry {seq} stands there twice")

    def _removal(self, entry: Entry) -> None:
        details = entry["details"]
        try:
            removal = Removal(
                int(details["last_seq"]),
                str(details["last_hash"]),
                str(details["newest_at"]),
                entry["seq"],
                entry["at"],
            )
            kept = datetime.fromisoformat(entry["at"]) - datetime.fromisoformat(removal.newest_at)
        except (KeyError, TypeError, ValueError):
            text = f"entry {entry['seq']} does not say which entries were removed"
            self._find(entry["seq"], entry["seq"], "edited", text)
            return
        self._removals.append(removal)
        if kept.days < LEAST_KEPT_DAYS:
            text = (
                f"entry {removal.last_seq} was {kept.days} days old when entry {entry['seq']} says "
                f"that it was removed for its age; entries are kept {LEAST_KEPT_DAYS} days at least"
            )
            self._find(removal.last_seq, removal.last_seq, "removed_early", text)

    def _meet(self, head: Head, found: str) -> None:
        if head.hash == found:
            self._met.append(head)
            return
        since = f"after entry {self._met[-1].seq}" if self._met else "at or before it"
        text = (
            f"entry {head.seq} is not the one that was last on {head.taken_at}: "
            f"the log was rewritten {since}"
        )
        first = self._met[-1].seq + 1 if self._met else head.seq
        self._find(first, head.seq, "rewritten", text)

    def _past_heads(self) -> int:
        """Compare a head right before the first entry; return how many are too old for that."""
        seq, link = self._before
        for head in self._heads.pop(seq, ()) if self._count and seq else ():
            self._meet(head, link)
        return sum(len(some) for at, some in self._heads.items() if at < seq)

    def _wrong_beginning(self) -> list[Finding]:
        seq, link = self._before
        said = [one for one in self._removals if one.last_seq <= seq]
        if not self._count or (seq, link) == (0, GENESIS) or seq + 1 == self.since:
            return []
        if said and (said[-1].last_seq, said[-1].last_hash) == (seq, link):
            return []
        first = max(self.since, said[-1].last_seq + 1 if said else 1)
        if first > seq:
            text = f"entry {seq + 1} was chained to another entry than the one removed before it"
            return [Finding(seq + 1, seq + 1, "replaced", text)]
        text = f"{_entries(first, seq)} missing at the beginning, and no entry says why"
        return [Finding(first, seq, "missing", text)]

    def _unsaid_removal(self, through: int) -> list[Finding]:
        """What the database removed has to be said by an entry, which is chained as any other."""
        if through <= self.since or any(one.last_seq >= through for one in self._removals):
            return []
        text = f"{_entries(1, through)} missing: the database removed them, and no entry says so"
        return [Finding(1, through, "missing", text)]

    def _cut_end(self) -> list[Finding]:
        later = [head for some in self._heads.values() for head in some if head.seq > self._last[0]]
        if not later:
            return []
        head = max(later, key=lambda one: one.seq)
        text = f"{_entries(self._last[0] + 1, head.seq)} missing at the end"
        told = f"{text}: entry {head.seq} was there on {head.taken_at}"
        return [Finding(self._last[0] + 1, head.seq, "cut_off", told)]

    def _moved(self) -> dict[int, Finding]:
        """Entries whose hash is right for another number: they changed places."""
        places = {one["seq"] for one in self._suspects}
        found = {}
        for one in self._suspects:
            for place in places - {one["seq"]}:
                if digest({**one, "seq": place}) == one["hash"]:
                    text = f"entry {place} was moved: it stands at the place of entry {one['seq']}"
                    found[one["seq"]] = Finding(place, place, "moved", text)
        return found


def _entries(first: int, last: int) -> str:
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"


def entries_in(lines: Iterable[bytes], proof: Proof) -> Iterator[Entry]:
    """Yield the entries of an export; what is none is told to ``proof``."""
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line, object_pairs_hook=_once)
            problem = _problem(entry)
        except ValueError as error:
            problem = str(error)
        if problem:
            proof.unreadable(number, problem)
        else:
            yield entry


def heads_in(lines: Iterable[str]) -> list[Head]:
    """Return the heads of a kept file: a JSON object a line. Raises ``ValueError``."""
    objects = [json.loads(line) for line in lines if line.strip()]
    try:
        return [Head(int(one["seq"]), str(one["hash"]), str(one["taken_at"])) for one in objects]
    except (KeyError, TypeError) as error:
        raise ValueError("a head has seq, hash and taken_at") from error


def head_of(text: str) -> Head:
    """Return the head of a mail, ``SEQ:HASH``. Raises ``ValueError``."""
    match = _HEAD.fullmatch(text)
    if match is None:
        raise ValueError("a head is SEQ:HASH, as in the mail")
    return Head(int(match[1]), match[2], "the day of its mail")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that states a member twice: readers would not agree on which one counts."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a member stands there twice")
    return made


def _problem(entry: Any) -> str | None:
    if not isinstance(entry, dict) or entry.keys() != HASHED | {"hash"}:
        return "it does not have the members of an entry"
    texts = ("at", "event", "hash", "previous_hash")
    if type(entry["seq"]) is not int or not all(isinstance(entry[name], str) for name in texts):
        return "its members are not of the right kind"
    return None if isinstance(entry["details"], dict) else "its details are no object"


def lines_of(verdict: Verdict) -> list[str]:
    """Return what people are told, the findings first."""
    shown = [f"NOT AS WRITTEN  {one.text}" for one in verdict.findings[:_MOST_SHOWN]]
    if len(verdict.findings) > _MOST_SHOWN:
        shown.append(f"... and {len(verdict.findings) - _MOST_SHOWN} more")
    if verdict.removals:
        one = verdict.removals[-1]
        shown.append(
            f"Entries 1 to {one.last_seq} were removed for their age by {one.said_at}; the newest "
            f"of them was from {one.newest_at} (entry {one.said_by} says so)."
        )
    if verdict.entries:
        shown.append(
            f"{verdict.entries} entries read, {verdict.first} to {verdict.last}; last hash "
            f"{verdict.last_hash}."
        )
    else:
        shown.append("There are no entries.")
    shown.append(
        f"Kept heads that agree: {verdict.heads_met}; older than the log: {verdict.heads_before}."
    )
    return shown


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Prove an export of the audit log.")
    parser.add_argument("export", type=Path, help="the export: a JSON object a line")
    parser.add_argument("--heads", type=Path, help="the file of kept heads")
    parser.add_argument("--head", type=head_of, action="append", default=[], help="SEQ:HASH")
    parser.add_argument("--selection", action="store_true", help="the export is part of the log")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Prove an export: 0 when it is as written, 1 when not, 2 when it cannot be read."""
    asked = _arguments(argv)
    heads: list[Head] = list(asked.head)
    try:
        if asked.heads is not None:
            heads += heads_in(asked.heads.read_text("utf-8").splitlines())
        with asked.export.open("rb") as export:
            proof = Proof(heads, is_selection=asked.selection)
            for entry in entries_in(export, proof):
                proof.take(entry)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"cannot be read: {error}\n")
        return 2
    verdict = proof.verdict()
    sys.stdout.write("\n".join(lines_of(verdict)) + "\n")
    return 1 if verdict.findings else 0


if __name__ == "__main__":
    sys.exit(main())
