"""The record of an authorization as PDF: what a person reads, signs or hands to an auditor.

Made by typst from what is stored, so the same record gives the same bytes; its CSV is inside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files

from dcarbon.domain import admin_status
from dcarbon.services import authorization_rows as rows
from dcarbon.services.authorization_details import AuthorizationDetail
from dcarbon.services.authorization_meters import MeterSummary

LONGEST = 100
"""So many of a long list are printed, the newest; the CSV inside has all of them."""


def pdf(detail: AuthorizationDetail, *, csv: bytes, csv_name: str) -> bytes:
    """Return the record as PDF/A-3b, with its CSV attached."""
    import typst  # noqa: PLC0415 — 80 MB of it, needed for this alone

    data = {**_data(detail), "csv": csv.decode(), "csv_name": csv_name}
    return typst.compile(
        _template(),
        sys_inputs={"data": json.dumps(data)},
        timestamp=rows.as_of(detail).replace(microsecond=0),
        ignore_system_fonts=True,
        pdf_standards="a-3b",
    )


@cache
def _template() -> bytes:
    return files("dcarbon.services").joinpath("statement_files/authorization.typ").read_bytes()


def _data(detail: AuthorizationDetail) -> Mapping[str, object]:
    row = detail.authorization
    return {
        "title": f"Authorization record, {detail.facility.name}",
        "subtitle": row.utility,
        "foot": f"Authorization {row.id}",
        "status": admin_status.LABELS[detail.status],
        "reason": row.reason or "",
        "as_of": f"As of {_instant(rows.as_of(detail))}. All times are UTC.",
        "facts": [fact for fact in rows.facts(detail) if fact[1]],
        "people": _people(detail),
        "timeline": _timeline(detail),
        "tries": _tries(detail),
        "meters": [_meter(one) for one in detail.meters],
        "attempts": _attempts(detail),
        "attempts_total": detail.attempts.total,
        "payloads": _payloads(detail),
        "payloads_total": detail.payloads.total,
        "entries": _entries(detail),
        "entries_total": detail.entries.total,
        "closing": _CLOSING,
    }


_CLOSING = (
    "Every state, reason and person here is taken from the audit log, whose entries are chained by "
    "hash. Looks at payloads and downloads of this record are in the log and not repeated here. "
    "The table inside this file (CSV) holds every row of every list."
)


def _people(detail: AuthorizationDetail) -> list[list[str]]:
    return [
        [
            one.name or one.email,
            one.email,
            (one.role or "none any more").replace("_", " + "),
            _instant(one.since),
        ]
        for one in detail.people
    ]


def _timeline(detail: AuthorizationDetail) -> list[dict[str, str]]:
    return [
        {
            "at": _instant(step.at),
            "state": admin_status.LABELS[step.status] if step.status else "",
            "title": step.title + (f" (attempt {step.attempt})" if step.attempt else ""),
            "reason": step.reason,
            "who": step.who,
        }
        for step in detail.timeline.steps[::-1]
    ]


def _tries(detail: AuthorizationDetail) -> list[list[str]]:
    return [
        [
            str(one.number),
            one.who,
            _instant(one.started_at),
            _instant(one.came_back_at) if one.came_back_at else "did not come back",
            one.words or ("completed" if one.came_back_at else ""),
        ]
        for one in detail.timeline.attempts[::-1]
    ]


def _meter(summary: MeterSummary) -> dict[str, object]:
    meter, share = summary.meter, summary.share
    return {
        "name": ", ".join(meter.meter_numbers) or meter.external_id,
        "address": meter.service_address or "address not stated",
        "coverage": f"{share.complete:,} of {share.due:,} due days complete" if share else "",
        "channels": [
            [
                f"{channel.direction} {channel.label}".strip(),
                _instant(channel.first_start),
                _instant(channel.last_end),
                f"{newest.quantity:f} {newest.unit}" if newest else "",
            ]
            for channel in meter.channels
            for newest in (summary.newest_of(channel),)
        ],
    }


def _attempts(detail: AuthorizationDetail) -> list[list[str]]:
    return [
        [
            _instant(one.started_at),
            one.asked_by or one.kind,
            one.error_code or ("done" if one.finished_at else "running"),
            f"{one.payloads:,}",
            f"{one.readings:,}",
        ]
        for one in detail.attempts.items[:LONGEST]
    ]


def _payloads(detail: AuthorizationDetail) -> list[list[str]]:
    return [
        [_instant(one.received_at), f"{one.byte_count:,}", one.state, one.sha256]
        for one in detail.payloads.items[:LONGEST]
    ]


def _entries(detail: AuthorizationDetail) -> list[list[str]]:
    return [
        [str(one.seq), _instant(one.at), one.title, one.who, one.hash[:16]]
        for one in detail.entries.items[:LONGEST]
    ]


def _instant(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if moment else ""
