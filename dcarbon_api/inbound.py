"""What providers send us unasked: here *they* are the ones asking, so their mistakes are 4xx."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dcarbon.domain.errors import (
    ClientCredentialsRejected,
    ContractViolation,
    InvalidInput,
    NotFound,
)


@contextmanager
def reading() -> Iterator[None]:
    """Turn errors of a provider's answer into errors of a provider's request.

    A body that cannot be read is :class:`InvalidInput` under the same code; a provider that is not
    set up here is :class:`NotFound`.
    """
    try:
        yield
    except ContractViolation as error:
        raise InvalidInput(
            "inbound message unreadable",
            code=error.code,
            display_message="This is not a message we can read.",
        ) from error
    except ClientCredentialsRejected as error:
        raise NotFound("provider not set up", code=error.code) from error
