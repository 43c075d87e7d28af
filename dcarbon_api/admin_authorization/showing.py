"""What the pages of one authorization show, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, url_for

from dcarbon.domain import admin_status, audit_details, texts
from dcarbon.domain.admin_status import AdminStatus, Collecting
from dcarbon.domain.states import SyncHealth
from dcarbon.services.authorization_details import AuthorizationDetail, Head, Scope
from dcarbon.services.authorization_meters import MeterSummary
from dcarbon.services.meters import ChannelView
from dcarbon.services.retrying import RetriedBy
from dcarbon_api import channel_words, words
from dcarbon_api.admin_authorization import progress
from dcarbon_api.connection import failures
from dcarbon_api.context import current_runtime
from dcarbon_api.dashboard.coverage_strip import Strip, strip
from dcarbon_api.dashboard.facility_page import name_of

bp = Blueprint("admin_authorization_words", __name__)

PAYLOAD_STATES: Mapping[str, str] = {
    "landed": "Kept, not read yet",
    "parsed": "Read",
    "empty": "Read, without readings",
    "unreadable": "Could not be read",
}
RETRIES: Mapping[RetriedBy, str] = {
    RetriedBy.ASKING: "Ask again",
    RetriedBy.LOOKING_AGAIN: "Look again now",
    RetriedBy.COLLECTING: "Collect now",
}
"""What the button of a retry says."""


@dataclass(frozen=True, slots=True)
class Banner:
    kind: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class ShownChannel:
    name: str
    unit: str
    steps: str
    first: datetime | None
    last: datetime | None
    newest: str
    newest_at: datetime | None
    total: str


@dataclass(frozen=True, slots=True)
class ShownMeter:
    name: str
    summary: MeterSummary
    channels: tuple[ShownChannel, ...]
    strip: Strip | None
    share: str


def page(detail: AuthorizationDetail) -> dict[str, Any]:
    """Return what the template of the detail page wants."""
    return {
        **head(detail.head),
        "detail": detail,
        "banner": banner(detail),
        "progress": progress.of(detail.underway),
        "scope": scope_words(detail.scope),
        "meters": [_meter(one) for one in detail.meters],
        "retry_label": RETRIES[detail.retry] if detail.retry else None,
        "audit_url": url_for("admin_audit.index", authorization=detail.authorization.id),
    }


def head(found: Head) -> dict[str, Any]:
    """Return what every page of an authorization has."""
    return {
        "head": found,
        "row": found.authorization,
        "facility": found.facility,
        "zone": found.facility.time_zone,
    }


def banner(detail: AuthorizationDetail) -> Banner | None:
    """Return what an administrator has to know first; nothing while all is well."""
    row = detail.authorization
    if detail.status in {AdminStatus.FAILED, AdminStatus.NEEDS_REAUTHORIZATION}:
        failure = failures.of(row.reason_code, row.reason)
        kind = "error" if detail.status is AdminStatus.FAILED else "warning"
        return Banner(kind, failure.title, f"{failure.what_happened} {failure.what_to_do}")
    if detail.status is AdminStatus.ENDING:
        text = texts.NOTICES[admin_status.ENDING_CODE]
        return Banner("info", text.title, text.what_happened)
    if detail.status is AdminStatus.REVOKED:
        return Banner("info", "Access has ended", row.reason or "")
    if detail.collecting is Collecting.LATE:
        label = admin_status.COLLECTING_LABELS[Collecting.LATE]
        return Banner("warning", label, "Nothing is known to be wrong, yet no sync came.")
    if detail.collecting in {Collecting.DELAYED, Collecting.BLOCKED}:
        return _sync_banner(detail)
    return None


def scope_words(scope: Scope) -> list[str]:
    """Return what was granted as sentences; none where the provider states no scope."""
    if scope.text is None:
        return []
    told = ["Interval readings" if scope.has_intervals else "No interval readings"]
    told.append("Names and addresses of meters" if scope.has_customer else "No customer data")
    if scope.history is not None:
        told.append(f"{scope.history.days} days of history")
    lengths = [
        words.interval_length(one) if isinstance(one, int) else one
        for one in scope.interval_durations
    ]
    if lengths:
        told.append(f"every {' or '.join(lengths)}")
    return told


@bp.app_template_filter()
def payload_state(state: str) -> str:
    return PAYLOAD_STATES.get(state, state)


@bp.app_template_filter()
def size_words(count: int) -> str:
    """Return a number of bytes as people say it."""
    for unit, size in (("MB", 1 << 20), ("KB", 1 << 10)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count} bytes"


@bp.app_template_filter()
def details_text(details: Mapping[str, Any]) -> str:
    """Return the details of an audit entry on a line."""
    return "; ".join(f"{label}: {text}" for label, text in audit_details.of(details))


@bp.app_template_global()
def dagster_run(run_id: str) -> str:
    """Return the address of a run in the Dagster UI."""
    return f"{current_runtime().settings.dagster_place}/runs/{run_id}"


@bp.app_template_global()
def dagster_partition(authorization_id: UUID) -> str:
    """Return the address of an authorization's cell in the Dagster UI."""
    place = current_runtime().settings.dagster_place
    return f"{place}/assets/authorization_intervals?view=partitions&partition={authorization_id}"


def _sync_banner(detail: AuthorizationDetail) -> Banner:
    row = detail.authorization
    failure = failures.of(row.sync_health_code, None)
    since = row.sync_health_since
    when = f" since {words.local_time(since, detail.facility.time_zone)}" if since else ""
    notice = texts.NOTICES[row.sync_health]
    kind = "warning" if row.sync_health == SyncHealth.DELAYED else "error"
    return Banner(kind, f"{notice.title}{when}", f"{failure.what_happened} {failure.what_to_do}")


def _meter(summary: MeterSummary) -> ShownMeter:
    share = summary.share
    return ShownMeter(
        name=name_of(summary.meter),
        summary=summary,
        channels=tuple(_channel(summary, one) for one in summary.meter.channels),
        strip=strip(summary.days) if summary.days else None,
        share=f"{share.complete:,} of {share.due:,} due days complete" if share else "",
    )


def _channel(summary: MeterSummary, channel: ChannelView) -> ShownChannel:
    newest = summary.newest_of(channel)
    lengths = [words.interval_length(seconds) for seconds in channel.interval_s]
    total = ""
    if newest is not None and channel.measure == "usage":
        readings = "1 reading" if newest.readings == 1 else f"{newest.readings} readings"
        total = f"{newest.total:,f} {newest.unit} in {readings}"
    return ShownChannel(
        name=channel_words.name_of(channel),
        unit=channel_words.unit_of(channel),
        steps=f"every {' and every '.join(lengths)}" if lengths else "",
        first=channel.first_start,
        last=channel.last_end,
        newest=f"{newest.quantity:,f} {newest.unit}" if newest else "",
        newest_at=newest.start if newest else None,
        total=total,
    )
