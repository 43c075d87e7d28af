"""The machine below: disks, and the place where payloads land."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from dcarbon.db import landing_addresses
from dcarbon.db.landing_zone import LandingZone
from dcarbon.domain.errors import LandingUnavailable
from dcarbon.settings import Settings


@dataclass(frozen=True, slots=True)
class Disk:
    """A place where files are kept, with the bytes of its file system."""

    place: str
    """``data`` or ``payloads``."""
    device: int
    """The file system: places with the same one share its room."""
    free: int
    total: int
    is_writable: bool


@dataclass(frozen=True, slots=True)
class Store:
    """The object store that payloads land in: how long it took to answer, or why it did not."""

    place: str
    took: timedelta
    reason: str | None


def store(landing: LandingZone) -> Store | None:
    """Ask the object store for a sign of life; ``None`` where payloads land in a folder."""
    if landing.folder is not None:
        return None
    began, reason = time.monotonic(), None
    try:
        landing.look()
    except LandingUnavailable as error:
        reason = error.reason
    return Store(landing.shown, timedelta(seconds=time.monotonic() - began), reason)


def disks(settings: Settings) -> list[Disk]:
    """Return the places on this machine; payloads in an object store are none of them."""
    places = {"data": settings.directory}
    landing = landing_addresses.folder_of(settings.landing_address)
    if landing is not None:
        places["payloads"] = landing
    return [_look(place, path) for place, path in places.items()]


def _look(place: str, path: Path) -> Disk:
    # What does not exist yet is made in the nearest folder above that does.
    there = next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())
    usage = shutil.disk_usage(there)
    return Disk(
        place, there.stat().st_dev, usage.free, usage.total, os.access(there, os.W_OK | os.X_OK)
    )
