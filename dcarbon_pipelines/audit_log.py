"""The audit log every night: proven, its head kept outside the database, what is too old removed.

No asset: what is left behind are a line in a file, mails and the runs' numbers.
"""

import dagster as dg

from dcarbon.services import audit_heads, audit_retention
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines.appearance import JOB_TAGS, TITLE

SUNDAY = 7


@dg.op(
    description="Prove the log since the last kept head, on Sundays all of it, and keep its head.",
    out=dg.Out(dg.Nothing),
)
def keep_audit_head(context: dg.OpExecutionContext, runtime: dg.ResourceParam[Runtime]) -> None:
    """Fail when an entry is not as it was written: administrators are told by mail."""
    done = audit_heads.keep(runtime, whole=runtime.now().isoweekday() == SUNDAY)
    context.add_output_metadata(
        {
            "proven_entries": dg.MetadataValue.int(done.proven),
            "head": dg.MetadataValue.text(f"{done.head.seq}:{done.head.hash}"),
            "mails": dg.MetadataValue.int(done.mails),
        }
    )


@dg.op(
    description="Remove entries older than the setting audit_retention_years from the beginning.",
    # Only what was proven goes.
    ins={"proven": dg.In(dg.Nothing)},
)
def remove_old_audit_entries(
    context: dg.OpExecutionContext, runtime: dg.ResourceParam[Runtime]
) -> None:
    """Remove them; an entry of the log says so."""
    removed = audit_retention.remove_old(runtime)
    context.add_output_metadata({"removed_entries": dg.MetadataValue.int(removed)})


@dg.job(
    executor_def=dg.in_process_executor,
    description="Prove the audit log, keep its head outside the database, remove what is too old.",
    tags=JOB_TAGS,
    run_tags={TITLE: "Proof of the audit log"},
)
def audit_log() -> None:
    remove_old_audit_entries(keep_audit_head())
