"""One line per endpoint: rule below ``/api/v2``, method, view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Response


@dataclass(frozen=True)
class Route:
    """A view takes the service and the rule's variables.

    ``locked`` views run under the state's lock; the others, which spend their time on data,
    take it themselves for the moment they read records.
    """

    rule: str
    method: str
    view: Callable[..., Response]
    locked: bool = True
