"""A value that must never be seen: tokens, client secrets, API keys.

What does not belong here is how secrets are sealed for storage; this is only their shape in memory,
and what is kept of those that we gave out ourselves.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import NoReturn, Self, final

_MASK = "***"


@final
class Secret:
    """Text whose ``repr``, ``str`` and ``format`` are ``***``; only :meth:`reveal` shows it.

    Not a dataclass on purpose: ``dataclasses.asdict`` would walk into it. Pickling is refused, so
    that no queue, cache or run storage takes a copy.
    """

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        if not isinstance(value, str) or not value:
            msg = "a secret is a text that is not empty"
            raise ValueError(msg)
        self.__value = value

    def reveal(self) -> str:
        """Return the text itself, for the one place that has to send or seal it."""
        return self.__value

    def __repr__(self) -> str:
        return _MASK

    def __str__(self) -> str:
        return _MASK

    def __format__(self, spec: str) -> str:
        return _MASK

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.__value.encode(), other.reveal().encode())

    def __hash__(self) -> int:
        return hash(self.__value)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        msg = "secrets do not travel: reveal and seal this one where it is needed"
        raise TypeError(msg)


def hashed(secret: str) -> bytes:
    """Return the SHA-256 by which a secret that we gave out is found again.

    It has 256 random bits: a plain hash is enough, nobody can search for it. Any text has one.
    """
    return hashlib.sha256(secret.encode(errors="replace")).digest()
