"""A zip that is the same bytes each time: members in the order given, one time for all."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import IO, Self

SUMS = "SHA256SUMS"
_LEVEL = 6
_UNIX = 3
_MODE = 0o100644


class EvidenceZip:
    """Writes members one after another in bounded memory; closing adds ``SHA256SUMS``."""

    def __init__(self, target: IO[bytes], *, at: datetime) -> None:
        self._zip = zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL)
        moment = at.astimezone(UTC)
        self._time = (
            *(moment.year, moment.month, moment.day),
            *(moment.hour, moment.minute, moment.second),
        )
        self._sums: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._member(SUMS, ["".join(self._sums).encode()])
        self._zip.close()

    def add(self, name: str, pieces: Iterable[bytes]) -> None:
        """Add a member, piece by piece."""
        digest = self._member(name, pieces)
        self._sums.append(f"{digest}  {name}\n")

    def _member(self, name: str, pieces: Iterable[bytes]) -> str:
        info = zipfile.ZipInfo(name, self._time)
        info.create_system, info.external_attr = _UNIX, _MODE << 16
        info.compress_type = zipfile.ZIP_DEFLATED
        hasher = hashlib.sha256()
        with self._zip.open(info, "w", force_zip64=True) as member:
            for piece in pieces:
                hasher.update(piece)
                member.write(piece)
        return hasher.hexdigest()
