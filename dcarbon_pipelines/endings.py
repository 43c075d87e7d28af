"""Ending authorizations at their providers: one run for all orders that are due.

No asset and no partition: what is left behind is the order, and the run's own numbers.
"""

from uuid import UUID

import dagster as dg

from dcarbon.services import revocation, work
from dcarbon.services.revocation import EndOutcome
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines import partition_work

MOST_ORDERS = 500
"""Orders in one run; the rest follow in the next."""


@dg.op(description="Tell providers which authorizations have ended, until they confirm.")
def end_at_providers(context: dg.OpExecutionContext, runtime: dg.ResourceParam[Runtime]) -> None:
    """End every authorization whose order is due; one that waits holds up no other."""
    due = work.due(runtime.sessions, now=runtime.now(), limit=MOST_ORDERS, kinds=("revoke",))
    keys = [str(order_id) for order_id, _, _ in due]
    outcomes: list[EndOutcome] = []
    broken: dict[str, BaseException] = {}
    workers = runtime.settings.provider_concurrency
    for key, future in partition_work.each(
        keys, lambda key: revocation.end_at_provider(runtime, UUID(key)), workers=workers
    ):
        if error := future.exception():
            context.log.error("order %s broke", key, exc_info=error)
            broken[key] = error
        else:
            outcomes.append(future.result())
            _tell(context, outcomes[-1])
    confirmed = sum(outcome.is_confirmed for outcome in outcomes)
    context.add_output_metadata(
        {"due": len(keys), "confirmed": confirmed, "waiting": len(outcomes) - confirmed}
    )
    partition_work.fail_if_broken(broken)


def _tell(context: dg.OpExecutionContext, outcome: EndOutcome) -> None:
    if outcome.error is None:
        context.log.info("authorization %s has ended at its provider", outcome.authorization_id)
    else:
        context.log.warning(
            "authorization %s: %s; tried again later",
            outcome.authorization_id,
            outcome.error.code,
        )


@dg.job(
    executor_def=dg.in_process_executor,
    description="End at their providers the authorizations that people have ended here.",
)
def end_authorizations() -> None:
    end_at_providers()
