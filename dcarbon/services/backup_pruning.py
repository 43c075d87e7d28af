"""Removing old backups, and then the payloads that no backup names any more.

So what was erased leaves the backups too, as soon as the last one from before is gone.
"""

from __future__ import annotations

import heapq
import shutil
from collections.abc import Iterator
from pathlib import Path

from dcarbon.db.landing_zone import SHELVES, LandingZone
from dcarbon.services import backup_contents


def prune(directory: Path, *, keep: int) -> list[str]:
    """Keep the newest backups, so many of them; return the names of those that went.

    Folders that never became a backup go too. Nobody else may be making one there.
    """
    names = backup_contents.names_in(directory)
    kept = names[-keep:]
    gone = [name for name in backup_contents.folders_in(directory) if name not in kept]
    for name in gone:
        shutil.rmtree(directory / name)
    store = backup_contents.store_of(directory)
    wanted = heapq.merge(*(backup_contents.payloads_of(directory / name) for name in kept))
    _keep_only(store, wanted)
    return gone


def _keep_only(store: LandingZone, wanted: Iterator[bytes]) -> None:
    following = next(wanted, None)
    for shelf in SHELVES:
        for digest in store.digests(shelf):
            while following is not None and following < digest:
                following = next(wanted, None)
            if following != digest:
                store.remove(digest)
