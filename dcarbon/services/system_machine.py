"""The machine below: disks, and the place where payloads land."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

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


def disks(settings: Settings) -> list[Disk]:
    """Return the places on this machine; payloads in an object store are none of them."""
    landing = settings.landing_uri or str(settings.directory / "landing")
    places = {"data": settings.directory}
    if len(urlsplit(landing).scheme) <= 1:
        places["payloads"] = Path(landing)
    return [_look(place, path) for place, path in places.items()]


def _look(place: str, path: Path) -> Disk:
    # What does not exist yet is made in the nearest folder above that does.
    there = next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())
    usage = shutil.disk_usage(there)
    return Disk(
        place, there.stat().st_dev, usage.free, usage.total, os.access(there, os.W_OK | os.X_OK)
    )
