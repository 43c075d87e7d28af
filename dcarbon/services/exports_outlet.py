"""Where libraries that want to write to a file leave their bytes until they are sent."""

from __future__ import annotations


class Outlet:
    """A file that can only be written; what was written is taken away, and memory stays small."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._written = 0
        self.closed = False

    def write(self, content: bytes | memoryview) -> int:
        piece = bytes(content)
        self._pieces.append(piece)
        self._written += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._written

    def flush(self) -> None:
        """Nothing is held back."""

    def seekable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True

    def taken(self) -> bytes:
        """Return what was written since the last call."""
        content = b"".join(self._pieces)
        self._pieces.clear()
        return content
