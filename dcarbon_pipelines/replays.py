"""Reading stored payloads again with the parser of today: a report, then, if wanted, for good.

No asset and no partition: what changes are readings of days long materialized.
"""

from datetime import UTC, date, datetime, time
from uuid import UUID

import dagster as dg
from pydantic import Field

from dcarbon.domain.errors import DCarbonError
from dcarbon.services import replaying
from dcarbon.services.replay_reports import Report
from dcarbon.services.replaying import Asked
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines import metadata
from dcarbon_pipelines.appearance import JOB_TAGS, TITLE

_DAYS_HEADER = ("Meter", "Direction", "UTC day", "New", "Changed", "Before", "After", "Unit")


class ReplayConfig(dg.Config):
    """Which payloads, and whether to write what they say today."""

    authorization: str | None = Field(
        default=None, description="One authorization by its id. Empty: everybody's payloads."
    )
    received_from: str | None = Field(
        default=None, description="First day they were received, UTC, as 2026-03-01. Empty: all."
    )
    received_to: str | None = Field(
        default=None, description="The day after the last one, UTC. Empty: until now."
    )
    apply: bool = Field(
        default=False,
        description="Off: only report what would change. On: change it; earlier states stay in the "
        "history.",
    )

    def asked(self) -> Asked:
        """Return what was typed. Raises :class:`dagster.Failure` with a sentence for its author."""
        try:
            return Asked(
                UUID(self.authorization) if self.authorization else None,
                _midnight(self.received_from),
                _midnight(self.received_to),
            )
        except ValueError as error:
            raise dg.Failure(
                description="Give the authorization's id as Dagster lists it and days as "
                "2026-03-01. Nothing was read.",
                metadata={
                    "authorization": str(self.authorization),
                    "received_from": str(self.received_from),
                    "received_to": str(self.received_to),
                },
                allow_retries=False,
            ) from error


@dg.op(description="Read stored payloads again and say, meter by meter, what differs.")
def read_again(
    context: dg.OpExecutionContext, config: ReplayConfig, runtime: dg.ResourceParam[Runtime]
) -> None:
    """Report what would change; with ``apply``, change it. Safe to repeat."""

    def note(done: int, of: int) -> None:
        if done == of or done % 50 == 0:
            context.log.info("%s of %s facilities", done, of)

    try:
        report = replaying.replay(
            runtime, config.asked(), apply=config.apply, run_id=context.run_id, note=note
        )
    except DCarbonError as error:
        raise dg.Failure(
            description=f"{error.display_message} ({error.code})", allow_retries=False
        ) from error
    context.log.info("%s", words(report))
    context.add_output_metadata(of_report(report))


def of_report(report: Report) -> dict[str, dg.MetadataValue]:
    """Return a report as people read it in Dagster."""
    names = (
        *("facilities", "facilities_left", "payloads", "unreadable_before", "unreadable_now"),
        *("readable_again", "lost", "new", "changed", "meters_changed"),
    )
    shown: dict[str, dg.MetadataValue] = {
        "summary": dg.MetadataValue.text(words(report)),
        "replay": dg.MetadataValue.text(str(report.replay_id)),
        **{name: dg.MetadataValue.int(report.counts[name]) for name in names},
    }
    if report.days:
        rows = [
            (
                d.meter_id,
                d.direction,
                d.utc_day,
                d.new,
                d.changed,
                _or_nothing(d.before),
                d.after,
                d.unit,
            )
            for d in report.days
        ]
        shown["days"] = dg.MetadataValue.md(metadata.table(_DAYS_HEADER, rows))
    if report.troubles:
        said = [(t.payload_id, t.was, t.code) for t in report.troubles]
        header = ("Payload", "Was", "Why it cannot be read")
        shown["not_read"] = dg.MetadataValue.md(metadata.table(header, said))
    return shown


def words(report: Report) -> str:
    """Return the report in a sentence or two."""
    counts = report.counts
    verb = "changed" if report.is_applied else "would change"
    said = (
        f"{counts['payloads']} payloads of {counts['facilities']} facilities read: {verb} "
        f"{counts['changed']} readings, {counts['new']} new; "
        f"{counts['readable_again']} payloads can be read that could not be before."
    )
    if left := counts["facilities_left"]:
        said += (
            f" {left} facilities are left as they are: a payload of theirs can no longer be read."
        )
    return said


@dg.job(
    executor_def=dg.in_process_executor,
    description="Read landed payloads again with the parser of today, without asking any utility. "
    "First a report of what would change; with Config `apply: true` the change itself.",
    tags=JOB_TAGS,
    run_tags={TITLE: "Replay stored payloads"},
)
def replay_payloads() -> None:
    read_again()


def _midnight(day: str | None) -> datetime | None:
    return datetime.combine(date.fromisoformat(day), time(), UTC) if day else None


def _or_nothing(value: object) -> object:
    return "" if value is None else value
