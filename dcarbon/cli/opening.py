"""Opening what a command works with, shown as it lasts: the embedded server may need a moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from rich.console import Console

from dcarbon import settings
from dcarbon.cli import waiting
from dcarbon.services import running_stack
from dcarbon.services.runtime import Runtime, open_runtime
from dcarbon.settings import Settings


@contextmanager
def runtime(
    console: Console, chosen: Settings | None = None, *, needs_keys: bool = True
) -> Iterator[Runtime]:
    """Open the runtime of the settings given, else of those that are set.

    ``needs_keys`` and what is raised are as of :func:`open_runtime`.
    """
    with ExitStack() as opened:
        with waiting.under_way(console, "opening the database"):
            here = chosen or chosen_here()
            found = opened.enter_context(open_runtime(here, needs_keys=needs_keys))
        yield found


def chosen_here() -> Settings:
    """Return the settings; links lead to where a running ``dcarbon up`` really is.

    It takes another port when the usual one is taken.
    """
    plain = settings.load()
    stack = running_stack.find(plain.directory)
    if stack is None or "public_url" in plain.model_fields_set:
        return plain
    return plain.model_copy(update={"public_url": stack.web})
