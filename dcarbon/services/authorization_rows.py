"""The record of an authorization as rows of one table: what its CSV holds, and its PDF counts.

Only what is stored: nothing in it depends on when it is made, so the same record is the same rows.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import NamedTuple

from dcarbon.domain import admin_status
from dcarbon.domain.cell_text import harmless
from dcarbon.services.authorization_details import AuthorizationDetail
from dcarbon.services.authorization_meters import MeterSummary


class Row(NamedTuple):
    """One thing. Times are UTC in ISO 8601; what a thing has not, is empty."""

    section: str
    what: str
    start: str = ""
    end: str = ""
    state: str = ""
    detail: str = ""
    who: str = ""
    number: str = ""
    bytes: str = ""
    reference: str = ""


HEADER = Row._fields


def table(detail: AuthorizationDetail) -> bytes:
    """Return all rows as CSV (RFC 4180, UTF-8), with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADER)
    writer.writerows([harmless(cell) for cell in row] for row in rows(detail))
    return text.getvalue().encode()


def rows(detail: AuthorizationDetail) -> Iterator[Row]:
    """Yield every row, section by section."""
    yield from _authorization(detail)
    yield from _people(detail)
    yield from _timeline(detail)
    for summary in detail.meters:
        yield from _meter(summary)
    yield from _came(detail)
    yield from _audit(detail)


def as_of(detail: AuthorizationDetail) -> datetime:
    """Return when the newest thing in a record happened (UTC): the time of the record."""
    row = detail.authorization
    moments = [
        row.created_at,
        row.status_at,
        row.last_sync,
        row.sync_health_since,
        detail.payloads_erased_at,
        detail.readings_erased_at,
        *(step.at for step in detail.timeline.steps),
        *(one.finished_at or one.started_at for one in detail.attempts.items),
        *(one.received_at for one in detail.payloads.items),
        *(one.erased_at for one in detail.payloads.items),
        *(one.at for one in detail.entries.items),
        *(one.since for one in detail.people),
    ]
    return max(moment for moment in moments if moment is not None).astimezone(UTC)


def instant(moment: datetime | None) -> str:
    """Return an instant as it stands in a cell."""
    if moment is None:
        return ""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def facts(detail: AuthorizationDetail) -> list[tuple[str, str]]:
    """Return what is known of the authorization itself, by name, as text."""
    row, facility, scope = detail.authorization, detail.facility, detail.scope
    place = ", ".join(
        part
        for part in (facility.street, facility.city, f"{facility.state} {facility.postal_code}")
        if part.strip()
    )
    return [
        ("Authorization", str(row.id)),
        ("Facility", facility.name),
        ("Facility id", str(facility.id)),
        ("Address", place),
        ("Utility", row.utility),
        ("Provider", row.provider),
        ("Method", row.method),
        ("auth_id", row.external_id or ""),
        ("Status", admin_status.LABELS[detail.status]),
        ("Status since", instant(row.status_at)),
        ("Reason", row.reason or ""),
        ("Reason code", row.reason_code or ""),
        ("Opened", instant(row.created_at)),
        ("Authorized", instant(row.authorized_at)),
        ("Consent ends", instant(row.consent_ends_at)),
        ("Granted scope", scope.text or ""),
        ("Last sync", instant(row.last_sync)),
        ("Sync health", row.sync_health),
        ("Sync health code", row.sync_health_code or ""),
        ("Sync health since", instant(row.sync_health_since)),
        ("Grant obtained", instant(detail.grant.obtained_at if detail.grant else None)),
        ("Grant refreshed", instant(detail.grant.refreshed_at if detail.grant else None)),
        ("Retries", str(detail.retries)),
        ("Payloads deleted", instant(detail.payloads_erased_at)),
        ("Readings deleted", instant(detail.readings_erased_at)),
    ]


def _authorization(detail: AuthorizationDetail) -> Iterator[Row]:
    for name, value in facts(detail):
        yield Row("authorization", name, detail=value)


def _people(detail: AuthorizationDetail) -> Iterator[Row]:
    for one in detail.people:
        asked = "asked for this authorization" if one.is_asker else ""
        yield Row(
            "person",
            one.role or "no role here any more",
            start=instant(one.since),
            state=asked,
            detail=one.email,
            who=one.name,
            reference=str(one.id),
        )


def _timeline(detail: AuthorizationDetail) -> Iterator[Row]:
    for step in detail.timeline.steps[::-1]:
        yield Row(
            "timeline",
            step.title,
            start=instant(step.at),
            state=admin_status.LABELS[step.status] if step.status else "",
            detail=step.reason,
            who=step.who,
            number=str(step.attempt or ""),
            reference=step.code or "",
        )
    for one in detail.timeline.attempts[::-1]:
        yield Row(
            "attempt to authorize",
            f"Attempt {one.number}",
            start=instant(one.started_at),
            end=instant(one.came_back_at),
            state="failed" if one.code else "",
            detail=one.words,
            who=one.who,
            reference=one.code or "",
        )


def _meter(summary: MeterSummary) -> Iterator[Row]:
    meter = summary.meter
    name = ", ".join(meter.meter_numbers) or meter.external_id
    yield Row(
        "meter",
        name,
        state=meter.commodity,
        detail=meter.service_address or "",
        reference=str(meter.id),
    )
    for channel in meter.channels:
        newest = summary.newest_of(channel)
        yield Row(
            "channel",
            f"{name}: {channel.direction} {channel.label}".strip(),
            start=instant(channel.first_start),
            end=instant(channel.last_end),
            state=f"{channel.unit}, {channel.measure}",
            detail=f"newest reading {newest.quantity:f} {newest.unit}" if newest else "",
            reference=str(channel.id),
        )
    for one in summary.counted:
        yield Row(
            "coverage",
            name,
            start=_day(one.first),
            end=_day(one.last),
            state=one.state.value,
            number=str(one.days),
        )


def _came(detail: AuthorizationDetail) -> Iterator[Row]:
    for one in detail.attempts.items[::-1]:
        yield Row(
            "sync attempt",
            one.asked_by or one.kind,
            start=instant(one.started_at),
            end=instant(one.finished_at),
            state=one.error_code or ("done" if one.finished_at else "running"),
            detail=one.error.what_happened if one.error else "",
            number=str(one.readings),
            reference=one.run_id or "",
        )
    for payload in detail.payloads.items[::-1]:
        yield Row(
            "payload",
            payload.source,
            start=instant(payload.received_at),
            end=instant(payload.erased_at),
            state="erased" if payload.erased_at else payload.state,
            detail=payload.media_type,
            number=str(payload.readings),
            bytes=str(payload.byte_count),
            reference=payload.sha256,
        )


def _audit(detail: AuthorizationDetail) -> Iterator[Row]:
    for entry in detail.entries.items[::-1]:
        yield Row(
            "audit entry",
            entry.event,
            start=instant(entry.at),
            detail=json.dumps(entry.details, sort_keys=True, ensure_ascii=False),
            who=entry.who,
            number=str(entry.seq),
            reference=entry.hash,
        )


def _day(day: date) -> str:
    return day.isoformat()
