"""The end of what is kept: retention after access has ended, and requests for deletion.

No asset and no partition: what is left behind are audit entries, receipts and the runs' numbers.
"""

from collections import Counter
from datetime import timedelta
from uuid import UUID

import dagster as dg

from dcarbon.domain.errors import InvalidTransition
from dcarbon.services import deletion_work, leaving_payloads, retention
from dcarbon.services.retention import Enforced
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines import metadata, partition_work
from dcarbon_pipelines.appearance import JOB_TAGS, TITLE

RUN_FOR = timedelta(minutes=45)
"""Dagster ends a run after an hour; what is left is taken up by the next night."""
_ONE_AT_A_TIME = 1
"""Erasing waits for itself anyway; side by side it would only hold more connections."""


@dg.op(description="Erase payloads and readings of access that ended long enough ago.")
def erase_what_is_due(context: dg.OpExecutionContext, runtime: dg.ResourceParam[Runtime]) -> None:
    """Erase what is due of each facility and provider; one that breaks holds up no other."""
    until = runtime.now() + RUN_FOR
    with runtime.sessions() as session:
        found = {
            f"{one.facility_id}/{one.provider}": one
            for one in retention.due(session, runtime.settings, at=runtime.now())
        }
    done: list[Enforced] = []
    broken: dict[str, BaseException] = {}

    def work(key: str) -> Enforced | None:
        return retention.enforce(runtime, found[key]) if runtime.now() < until else None

    for key, future in partition_work.each(list(found), work, workers=_ONE_AT_A_TIME):
        if error := future.exception():
            context.log.error("%s broke", key, exc_info=error)
            broken[key] = error
        elif enforced := future.result():
            done.append(enforced)
    leaving_payloads.settle(runtime)
    counts: Counter[str] = sum((Counter(one.erased.counts) for one in done), Counter())
    context.log.info("%s facilities, %s readings", len(done), counts["readings"])
    context.add_output_metadata(
        {"due": len(found), **counts, "facilities": dg.MetadataValue.md(_table(runtime, done))}
    )
    partition_work.fail_if_broken(broken)


@dg.op(description="Carry out requests for deletion, and delete bytes that have left for good.")
def carry_out_requests(context: dg.OpExecutionContext, runtime: dg.ResourceParam[Runtime]) -> None:
    """Take every request as far as it can go; one that waits or breaks holds up no other."""
    keys = [str(one) for one in deletion_work.due(runtime)]
    states: Counter[str] = Counter()
    broken: dict[str, BaseException] = {}
    for key, future in partition_work.each(
        keys, lambda key: deletion_work.carry_out(runtime, UUID(key)), workers=_ONE_AT_A_TIME
    ):
        if error := future.exception():
            context.log.error("request %s broke", key, exc_info=error)
            if not isinstance(error, InvalidTransition):
                broken[key] = error
        else:
            # By its word: Dagster stores no words of ours that are more than text.
            states[future.result().value] += 1
            context.log.info("request %s is %s", key, future.result().value)
    settled = leaving_payloads.settle(runtime)
    context.add_output_metadata(
        {
            "requests": len(keys),
            **states,
            "payloads_deleted": settled.deleted,
            "payloads_brought_back": settled.brought_back,
            "addresses_forgotten": deletion_work.forget_receipts_sent(runtime),
        }
    )
    partition_work.fail_if_broken(broken)


def _table(runtime: Runtime, done: list[Enforced]) -> str:
    return metadata.table(
        ("Facility", "Utility", "Access ended", "Readings", "Payloads", "Kept for reports"),
        [
            (
                metadata.facility_link(one.due.facility_id, runtime.settings.public_url),
                one.due.utility,
                f"{one.due.ended_at:%Y-%m-%d}",
                f"{one.erased.readings.readings:,}",
                f"{len(one.erased.payloads.hashes):,}",
                str(len(one.erased.held.reports)),
            )
            for one in done
        ],
    )


@dg.job(
    executor_def=dg.in_process_executor,
    description="Erase payloads and readings after the time they are kept for once access has "
    "ended (settings payload_retention_days, reading_retention_days). What a final report rests "
    "on is kept.",
    tags={**JOB_TAGS, TITLE: "Erase what was kept long enough"},
)
def enforce_retention() -> None:
    erase_what_is_due()


@dg.job(
    executor_def=dg.in_process_executor,
    description="Carry out people's requests for deletion and send the receipts.",
    tags={**JOB_TAGS, TITLE: "Carry out requests for deletion"},
)
def carry_out_deletions() -> None:
    carry_out_requests()
