"""What an installation on one machine consists of, and at which ports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

DEFINITIONS = "dcarbon_pipelines.definitions"
_FILE = "engine.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to start. Kept in the installation's directory, so that later commands know it."""

    celery: bool = True
    workers: int = 2
    slots: int = 4
    """Runs at once on each worker."""
    sandbox: bool = False
    sandbox_options: tuple[str, ...] = ()
    location: str = DEFINITIONS
    """The module Dagster's definitions are taken from."""
    certificate: str = ""
    key: str = ""
    """PEM files of the TLS proxy; without them it has a certificate for this machine alone."""
    ports: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def kept(cls, home: Path) -> Plan | None:
        """Return what was started here last."""
        with suppress(FileNotFoundError):
            found: dict[str, Any] = json.loads((home / _FILE).read_text(encoding="utf-8"))
            found["sandbox_options"] = tuple(found["sandbox_options"])
            return cls(**found)
        return None

    def keep(self, home: Path) -> None:
        (home / _FILE).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @property
    def waves(self) -> list[list[str]]:
        """The parts in the order of their start; those of one wave do not need one another."""
        workers = [f"worker-{number}" for number in range(1, self.workers + 1)]
        return [
            ["postgres"],
            [*(["broker"] if self.celery else []), *(["sandbox"] if self.sandbox else [])],
            ["code", *(workers if self.celery else []), "web"],
            ["daemon", "dagster", "mailer", "proxy"],
        ]

    @property
    def runs(self) -> int | None:
        """Return how many runs all workers take at once; ``None`` where there are no workers."""
        return self.workers * self.slots if self.celery else None

    @property
    def names(self) -> list[str]:
        return [name for wave in self.waves for name in wave]


PORTS = {"https": 8444, "http": 8080, "web": 8000, "dagster": 3000, "code": 3030, "broker": 6390}
"""Preferred ports; free ones are taken where these are not, and kept."""

LISTENERS = {
    "https": "proxy",
    "http": "proxy",
    "web": "web",
    "dagster": "dagster",
    "code": "code",
    "broker": "broker",
}
"""Which part listens at a port."""
