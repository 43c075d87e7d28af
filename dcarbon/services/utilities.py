"""The utilities people choose from: Green Button ones first, then what UtilityAPI reaches."""

from __future__ import annotations

from dataclasses import dataclass

from dcarbon.providers.profiles import UTILITYAPI_UTILITIES
from dcarbon.providers.utility_names import UTILITYAPI_NAMES
from dcarbon.services.runtime import Runtime

_LONGEST_CODE = 64


@dataclass(frozen=True, slots=True)
class UtilityChoice:
    """One utility. ``key`` is what starting wants: the profile's key, or UtilityAPI's code."""

    method: str
    key: str
    name: str
    short_name: str
    is_ready: bool = True
    """False where this installation has no registration with the utility yet."""


@dataclass(frozen=True, slots=True)
class UtilityChoices:
    """What fits a search. ``other`` is the searched text itself as a code of UtilityAPI's open
    list, where nothing on our list is exactly that; ``None`` when it cannot be one.
    """

    green_button: tuple[UtilityChoice, ...]
    utilityapi: tuple[UtilityChoice, ...]
    other: UtilityChoice | None = None


def utility_choices(runtime: Runtime, search: str = "") -> UtilityChoices:
    """Return the utilities whose name or code holds ``search``, whatever its case; all when empty.

    UtilityAPI's list is open and changes without notice (utilityapi reference 18): a code that is
    not on ours is offered as ``other`` and left to the provider to refuse.
    """
    wanted = " ".join(search.split()).casefold()
    green_button = (
        UtilityChoice("green_button", p.key, p.name, p.known_as, _is_ready(runtime, p.key))
        for p in runtime.providers.green_button()
    )
    is_ready = _is_ready(runtime, "utilityapi")
    listed = sorted(
        (
            UtilityChoice("utilityapi", code, UTILITYAPI_NAMES.get(code, code), code, is_ready)
            for code in UTILITYAPI_UTILITIES
        ),
        key=lambda choice: choice.name.casefold(),
    )
    return UtilityChoices(
        green_button=tuple(one for one in green_button if _fits(one, wanted)),
        utilityapi=tuple(one for one in listed if _fits(one, wanted)),
        other=_other(search, is_ready=is_ready),
    )


def _fits(choice: UtilityChoice, wanted: str) -> bool:
    text = f"{choice.name} {choice.short_name}".casefold()
    return all(word in text for word in wanted.split())


def _other(search: str, *, is_ready: bool) -> UtilityChoice | None:
    code = search.strip()
    is_code = code and len(code) <= _LONGEST_CODE and " " not in code and code.isprintable()
    if not is_code or code in UTILITYAPI_UTILITIES:
        return None
    return UtilityChoice("utilityapi", code, code, code, is_ready)


def _is_ready(runtime: Runtime, key: str) -> bool:
    given = runtime.settings.provider(key)
    return bool(given.api_token if key == "utilityapi" else given.client_id)
