"""The utilities that fit a search, with the one chosen so far kept in sight."""

from __future__ import annotations

from dataclasses import dataclass

from dcarbon.services import utilities
from dcarbon.services.runtime import Runtime
from dcarbon.services.utilities import UtilityChoice


@dataclass(frozen=True, slots=True)
class Found:
    """``green_button`` is always whole; ``utilityapi`` is what fits ``search``."""

    search: str
    chosen: str
    green_button: tuple[UtilityChoice, ...]
    utilityapi: tuple[UtilityChoice, ...]
    other: UtilityChoice | None


def found(runtime: Runtime, *, search: str | None, chosen: str | None) -> Found:
    """Return what fits. A chosen utility stays listed, so that filtering never loses a choice."""
    every = utilities.utility_choices(runtime)
    fitting = utilities.utility_choices(runtime, search or "")
    kept = [one for one in every.utilityapi if one.key == chosen and one not in fitting.utilityapi]
    return Found(
        search=search or "",
        chosen=chosen or "",
        green_button=every.green_button,
        utilityapi=(*kept, *fitting.utilityapi),
        other=fitting.other,
    )
