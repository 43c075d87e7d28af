"""Rotating grants and counting consents down: one run each for all that is due.

No asset and no partition: what is left behind are grants and orders, mails and the runs' numbers.
"""

from collections.abc import Sequence
from datetime import timedelta

import dagster as dg

from dcarbon.services import consent, rotation_rounds
from dcarbon.services.consent import Announced
from dcarbon.services.rotation import RotationOutcome
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines import metadata, partition_work
from dcarbon_pipelines.appearance import JOB_TAGS, TITLE

RUN_FOR = timedelta(minutes=45)
"""Dagster ends a run after an hour; what is left is taken up by the next."""


@dg.op(description="Rotate every grant that is due, each proven by a call before the old one ends.")
def rotate_due_grants(context: dg.OpExecutionContext, runtime: dg.ResourceParam[Runtime]) -> None:
    """Open orders for the grants that are due and work all orders that are; one that fails waits
    for its next try and holds up no other.
    """
    done = rotation_rounds.run(runtime, until=runtime.now() + RUN_FOR)
    for order_id, error in done.broken.items():
        context.log.error("order %s broke", order_id, exc_info=error)
    outcomes = sorted(done.outcomes, key=lambda each: each.error is None)
    rotated = sum(each.is_rotated for each in outcomes)
    failed = sum(each.error is not None for each in outcomes)
    context.log.info("%s rotated, %s failed, %s left", rotated, failed, done.left)
    context.add_output_metadata(
        {
            "newly_due": dg.MetadataValue.int(done.opened),
            "rotated": dg.MetadataValue.int(rotated),
            "failed": dg.MetadataValue.int(failed),
            "left": dg.MetadataValue.int(done.left),
            "outcomes": dg.MetadataValue.md(_table(outcomes, runtime.settings.public_url)),
        }
    )
    partition_work.fail_if_broken({str(key): error for key, error in done.broken.items()})


@dg.op(description="Tell people whose permission ends within 30, 14, 7 days or one, once each.")
def tell_of_consent_ends(
    context: dg.OpExecutionContext, runtime: dg.ResourceParam[Runtime]
) -> None:
    """Queue the mails of the countdown; a late run tells the nearest part only."""
    told = consent.announce(runtime)
    context.log.info("%s facilities told", len(told))
    context.add_output_metadata(
        {
            "told": dg.MetadataValue.int(len(told)),
            "facilities": dg.MetadataValue.md(_countdown(told, runtime.settings.public_url)),
        }
    )


def _table(outcomes: Sequence[RotationOutcome], public_url: str) -> str:
    return metadata.table(
        ("Facility", "Utility", "Outcome"),
        [
            (
                metadata.facility_link(each.facility_id, public_url) if each.facility_id else "",
                each.utility,
                _words(each),
            )
            for each in outcomes
        ],
    )


def _words(outcome: RotationOutcome) -> str:
    if outcome.error is not None:
        what_next = "the access has ended" if outcome.is_gone else "tried again later"
        return f"{outcome.error.display_message} ({outcome.error.code}; {what_next})"
    return "Rotated" if outcome.is_rotated else "Nothing to rotate any more"


def _countdown(told: Sequence[Announced], public_url: str) -> str:
    return metadata.table(
        ("Facility", "Utility", "Ends (UTC)", "Told because it ends within"),
        [
            (
                metadata.facility_link(each.facility_id, public_url),
                each.utility,
                f"{each.ends_at:%Y-%m-%d %H:%M}",
                f"{each.step.days} days" if each.step.days > 1 else "1 day",
            )
            for each in told
        ],
    )


@dg.job(
    executor_def=dg.in_process_executor,
    description="Rotate the grants of customers that are old or may run out. The old grant stays "
    "in force until the new one is proven; access is never interrupted.",
    tags={**JOB_TAGS, TITLE: "Rotate grants"},
)
def rotate_grants() -> None:
    rotate_due_grants()


@dg.job(
    executor_def=dg.in_process_executor,
    description="Tell people by mail before a permission ends: 30, 14, 7 days and one day before.",
    tags={**JOB_TAGS, TITLE: "Tell of permissions that end"},
)
def announce_consent_ends() -> None:
    tell_of_consent_ends()
