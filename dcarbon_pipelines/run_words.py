"""What a run is for and why it failed, in words for people outside Dagster."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from dcarbon_pipelines.appearance import TITLE


def purpose(run: dg.DagsterRun) -> str:
    """Return what a run was to do, as a sentence: its title, else the assets or the job it ran."""
    if title := run.tags.get(TITLE):
        return f"{title}."
    if run.asset_selection:
        names = sorted(key.to_user_string() for key in run.asset_selection)
        return f"Materialize {', '.join(names)}."
    return f"{run.job_name.replace('_', ' ').capitalize()}."


def reason(failure: dg.DagsterEvent, steps: Sequence[dg.DagsterEvent]) -> str:
    """Return why it failed: what our code said of it, else the kind of error and no more of it.

    The text of an error nobody expected may hold what is not for a mail.
    """
    for step in steps:
        said = step.step_failure_data.user_failure_data
        if said is not None and said.description:
            return said.description
        error = step.step_failure_data.error
        if error is not None:
            while error.cause is not None:  # Dagster's own wrapping
                error = error.cause
            return f"An error nobody expected: {error.cls_name or 'unknown'}."
    return failure.message or "No reason was given."
