"""The sealing keys as a running process holds them, and what it looks for before it starts.

Settings say which keys there are; which of them seals is said once, in the database, for all
processes. So a key is changed while they run: each takes it up within half a minute. Sealing
everything anew is in ``key_rotation``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from dcarbon.db import sealed_secrets, sealing, sealing_keys
from dcarbon.db.engine import Sessions
from dcarbon.db.sealing import KeyRing
from dcarbon.db.sealing_keys import SealingKey
from dcarbon.domain.errors import SealBroken, SettingsInvalid
from dcarbon.settings import Settings, missing

GOOD_FOR_S = 30.0
"""How long a process may go on with the key that it last saw in force."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class GivenKeys:
    """The key ring of the settings, and where it comes from."""

    ring: KeyRing
    place: str
    """For people: the setting's name, or the file."""
    file: Path | None = None

    def reread(self) -> KeyRing | None:
        """Return the ring as the file has it now; ``None`` where it is not in one, or unusable."""
        try:
            return sealing.load(self.file) if self.file else None
        except SettingsInvalid:
            return None


def given(settings: Settings) -> GivenKeys:
    """Return the keys of the settings; with the embedded database they are made when missing.

    Raises :class:`SettingsInvalid`.
    """
    if settings.seal_keys is not None:
        return GivenKeys(KeyRing.parse(settings.seal_keys.get_secret_value()), "DCARBON_SEAL_KEYS")
    file = key_file(settings)
    if file is None:
        raise missing(
            "seal_keys",
            "Tokens in your own database are sealed with keys that only you have: make one with "
            "`dcarbon keys new` and keep it safe.",
        )
    return GivenKeys(sealing.load_or_create(file), str(file), file)


def key_file(settings: Settings) -> Path | None:
    """Return the file the keys are in; ``None`` where they are in the environment."""
    if settings.seal_keys is not None:
        return None
    if settings.seal_keys_file is not None or settings.database_url is not None:
        return settings.seal_keys_file
    return settings.directory / "seal.keys"


class LiveKeys:
    """Seals with the key that is in force, opens with every key. Safe to use from all threads."""

    def __init__(
        self,
        keys: GivenKeys,
        in_force: Callable[[], SealingKey | None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.given = keys
        self._ring = keys.ring
        self._in_force = in_force
        self._monotonic = monotonic
        self._looking = threading.Lock()
        self._looked_at = float("-inf")

    @property
    def current_id(self) -> str:
        """The id of the key that this process seals with."""
        return self._followed().current_id

    def seal(self, plain: bytes, *, bound_to: UUID) -> bytes:
        """Encrypt as :meth:`KeyRing.seal` does."""
        return self._followed().seal(plain, bound_to=bound_to)

    def open(self, sealed: bytes, *, bound_to: UUID) -> bytes:
        """Decrypt as :meth:`KeyRing.open` does; a key that was put into the file meanwhile is
        found there.
        """
        try:
            return self._ring.open(sealed, bound_to=bound_to)
        except SealBroken as error:
            if error.code != "seal_key_missing" or not self._reread():
                raise
        return self._ring.open(sealed, bound_to=bound_to)

    def derived(self, purpose: str) -> list[bytes]:
        """Return bytes for another purpose from each key, as :meth:`KeyRing.derived` does."""
        return self._followed().derived(purpose)

    def forget(self) -> None:
        """Look anew which key is in force when one is needed next."""
        self._looked_at = float("-inf")

    def _followed(self) -> KeyRing:
        """Return the ring with the key first that was in force at most half a minute ago."""
        is_due = self._monotonic() - self._looked_at > GOOD_FOR_S
        # One thread looks; the others may hold all connections, and go on with what is known.
        if is_due and self._looking.acquire(blocking=False):
            try:
                self._follow()
            finally:
                self._looking.release()
        return self._ring

    def _follow(self) -> None:
        try:
            key = self._in_force()
        except SQLAlchemyError:
            return  # what is known can still be opened by everybody; the next one looks again
        self._looked_at = self._monotonic()
        if key is None or key.key_id == self._ring.current_id:
            return
        if key.key_id not in self._ring.ids:
            self._reread()
        # Sealing with a key that only this process has would lose what it seals.
        if sealing_keys.is_proven(self._ring, key):
            self._ring = self._ring.sealing_with(key.key_id)
        else:
            log.error("sealing_key_not_held", key_id=key.key_id, place=self.given.place)

    def _reread(self) -> bool:
        """Take up keys from the file that are new there, and say whether there were any."""
        read = self.given.reread()
        if read is None or set(read.ids) <= set(self._ring.ids):
            return False
        self._ring = self._ring.joined(read)
        return True

    def __repr__(self) -> str:
        return f"LiveKeys({self._ring!r})"


def require_usable(sessions: Sessions, keys: GivenKeys, *, now: datetime) -> None:
    """Make sure that all that is in use can be opened; the first start puts the first key in force.

    Raises :class:`SettingsInvalid`: ``seal_key_wrong``, ``seal_key_missing``. Changes nothing then.
    """
    with sessions.begin() as session:
        known = sealing_keys.known(session)
        needed = sealed_secrets.in_use(session, now=now)
        for key in known:
            if key.key_id in keys.ring.ids and not sealing_keys.is_proven(keys.ring, key):
                raise _wrong(keys, key.key_id)
            if key.is_in_force and key.key_id not in keys.ring.ids:
                raise _missing(keys, key.key_id, needed.get(key.key_id, {}))
        ever = {key.key_id for key in known}
        for key_id, counts in needed.items():
            # An id that never sealed here is a damaged secret: it stops only who wants that one.
            if key_id not in keys.ring.ids and (key_id in ever or not known):
                raise _missing(keys, key_id, counts)
        if not known:
            sealing_keys.take_turn(session)
            if sealing_keys.in_force(session) is None:
                sealing_keys.put_in_force(session, keys.ring, now=now)


def in_words(counts: Mapping[str, int]) -> str:
    """Return how many of what, as ``3 grants, 1 attempt``."""
    singular = {"grants": "grant", "attempts": "attempt", "platform_secrets": "platform secret"}
    return ", ".join(
        f"{count:,} {singular[name]}{'' if count == 1 else 's'}" for name, count in counts.items()
    )


def _missing(keys: GivenKeys, key_id: str, counts: Mapping[str, int]) -> SettingsInvalid:
    what = f"which seals {in_words(counts)}" if counts else "which is in force"
    message = (
        f"The key {key_id!r}, {what}, is not in {keys.place}. Put it back there behind the "
        "others: nothing is lost. `dcarbon keys list` shows what each key seals. Only if nobody "
        f"has it any more: `dcarbon keys give-up {key_id}` asks the customers to authorize anew."
    )
    return SettingsInvalid(message, code="seal_key_missing", display_message=message)


def _wrong(keys: GivenKeys, key_id: str) -> SettingsInvalid:
    message = (
        f"The key {key_id!r} in {keys.place} is another one than the key of this id that seals "
        "here. Put the right one there: nothing is lost, and nothing was sealed with the wrong "
        "one."
    )
    return SettingsInvalid(message, code="seal_key_wrong", display_message=message)
