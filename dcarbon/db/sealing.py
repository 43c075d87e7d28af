"""Sealing of secrets at rest: AES-256-GCM under a ring of keys, bound to the row they belong to.

Envelope: version (1 byte), length of the key id (1), key id, nonce (12), ciphertext with tag. The
header and the id of the row are authenticated, so a sealed secret cannot be moved to another row.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol, Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from dcarbon.domain.errors import SealBroken, SettingsInvalid

_VERSION = 1
_KEY_BYTES = 32
_NONCE_BYTES = 12
_LONGEST_ID = 32


class Sealer(Protocol):
    """What seals and opens: a ring of keys, or the keys as a running process holds them."""

    def seal(self, plain: bytes, *, bound_to: UUID) -> bytes: ...

    def open(self, sealed: bytes, *, bound_to: UUID) -> bytes: ...


class KeyRing:
    """Keys by id. The first seals; all of them open, so a key is changed by putting one before."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """Take the current key first. Raises :class:`SettingsInvalid` for an unusable ring."""
        if not keys:
            raise _refused("no key is given")
        for key_id, key in keys.items():
            if not (key_id.isascii() and 1 <= len(key_id) <= _LONGEST_ID):
                raise _refused(f"a key id must be 1 to {_LONGEST_ID} ASCII characters")
            if len(key) != _KEY_BYTES:
                raise _refused(f"the key with the id {key_id!r} is not {_KEY_BYTES} bytes long")
        self._current = next(iter(keys))
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._keys = dict(keys)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``id:base64`` pairs with commas between, the current one first."""
        keys: dict[str, bytes] = {}
        for place, pair in enumerate(text.strip().split(","), start=1):
            key_id, separator, encoded = pair.strip().partition(":")
            if not separator or key_id in keys:
                raise _refused(f"pair {place} is not id:base64 with an id of its own")
            try:
                keys[key_id] = base64.b64decode(encoded, validate=True)
            except binascii.Error as error:
                raise _refused(f"the key with the id {key_id!r} is not base64") from error
        return cls(keys)

    @classmethod
    def generate(cls) -> Self:
        """Make a ring of one new key with a random id."""
        return cls({secrets.token_hex(4): AESGCM.generate_key(_KEY_BYTES * 8)})

    @property
    def current_id(self) -> str:
        """The id of the key that seals."""
        return self._current

    @property
    def ids(self) -> Sequence[str]:
        """The ids of all keys, the current one's first."""
        return list(self._keys)

    def sealing_with(self, key_id: str) -> Self:
        """Return the same keys with another one of them current."""
        return type(self)({key_id: self._keys[key_id], **self._keys})

    def joined(self, other: KeyRing) -> Self:
        """Return these keys and those of the other ring that have ids of their own."""
        return type(self)(self._keys | {k: v for k, v in other._keys.items() if k not in self.ids})

    def reveal(self) -> str:
        """Return the ring as :meth:`parse` reads it: for the key file only."""
        pairs = ((name, base64.b64encode(key).decode()) for name, key in self._keys.items())
        return ",".join(f"{key_id}:{encoded}" for key_id, encoded in pairs)

    def seal(self, plain: bytes, *, bound_to: UUID) -> bytes:
        """Encrypt ``plain`` so that it opens only for the row ``bound_to``."""
        begins = header(self._current)
        nonce = os.urandom(_NONCE_BYTES)
        cipher = self._ciphers[self._current]
        return begins + nonce + cipher.encrypt(nonce, plain, begins + bound_to.bytes)

    def open(self, sealed: bytes, *, bound_to: UUID) -> bytes:
        """Decrypt what :meth:`seal` made.

        Raises :class:`SealBroken` when it was changed, belongs to another row or was sealed with
        another key of this id, and ``seal_key_missing`` when its key is not in the ring.
        """
        begins, key_id = _parted(sealed)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            detail = f"the key with the id {key_id!r} is not in the ring"
            raise SealBroken(detail, code="seal_key_missing")
        nonce = sealed[len(begins) : len(begins) + _NONCE_BYTES]
        try:
            return cipher.decrypt(
                nonce, sealed[len(begins) + _NONCE_BYTES :], begins + bound_to.bytes
            )
        except (InvalidTag, ValueError) as error:
            raise SealBroken(
                "a sealed secret was changed, belongs to another row, or was sealed with another "
                f"key that has the id {key_id!r}"
            ) from error

    def derived(self, purpose: str) -> list[bytes]:
        """Return 32 bytes for another purpose from each key, the current one's first (RFC 5869)."""
        return [
            HKDF(SHA256(), _KEY_BYTES, salt=None, info=f"dcarbon {purpose}".encode()).derive(key)
            for key in self._keys.values()
        ]

    def is_current(self, sealed: bytes) -> bool:
        """Say whether this was sealed with the current key; if not, it is due to be sealed anew."""
        return _parted(sealed)[1] == self._current

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self._ciphers)}: ***)"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a key ring is not to be pickled")


def load_or_create(path: Path) -> KeyRing:
    """Return the ring in a key file, made with mode 0600 when there is none yet.

    Raises :class:`SettingsInvalid` when others than its owner may read the file.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _beside(path, KeyRing.generate())
        try:
            # A link, unlike a rename, never replaces the key another process has just made.
            with suppress(FileExistsError):
                path.hardlink_to(temporary)
        finally:
            temporary.unlink()
    return load(path)


def load(path: Path) -> KeyRing:
    """Return the ring in a key file.

    Raises :class:`SettingsInvalid` when there is none or others than its owner may read it.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise _refused(f"the key file {path} cannot be read") from error
    if mode & 0o077:
        raise _refused(f"the key file can be read by others; run: chmod 600 {path}")
    return KeyRing.parse(text)


def replace(path: Path, ring: KeyRing) -> None:
    """Put a ring into a key file in place of the one there, for the same owner, at once."""
    owner = path.stat()
    temporary = _beside(path, ring)
    try:
        if os.geteuid() == 0:
            os.chown(temporary, owner.st_uid, owner.st_gid)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _beside(path: Path, ring: KeyRing) -> Path:
    """Write a ring to a new file beside ``path``, for its owner alone, and return where."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(ring.reveal() + "\n")
        file.flush()
        os.fsync(file.fileno())
    return temporary


def header(key_id: str) -> bytes:
    """Return the bytes with which everything begins that this key has sealed."""
    return bytes([_VERSION, len(key_id)]) + key_id.encode("ascii")


def _parted(sealed: bytes) -> tuple[bytes, str]:
    if len(sealed) < 2 or sealed[0] != _VERSION:  # noqa: PLR2004 — version and length
        raise SealBroken("a sealed secret has an unknown envelope")
    begins = sealed[: 2 + sealed[1]]
    return begins, begins[2:].decode("ascii", "replace")


def _refused(reason: str) -> SettingsInvalid:
    message = f"The sealing keys (DCARBON_SEAL_KEYS) cannot be used: {reason}."
    return SettingsInvalid(message, display_message=message)
