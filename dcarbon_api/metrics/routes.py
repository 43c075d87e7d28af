"""``GET /metrics`` for Prometheus: for this machine only, or for who has the token of settings."""

from __future__ import annotations

import hmac
import ipaddress
import threading
import time
from dataclasses import dataclass, field

import structlog
from flask import Blueprint, Response, current_app, request
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import CollectorRegistry
from sqlalchemy.exc import SQLAlchemyError

from dcarbon.domain.errors import DCarbonError
from dcarbon.services import operation_figures, system_machine
from dcarbon.services.operation_figures import Figures
from dcarbon.services.runtime import Runtime
from dcarbon_api.context import EXTENSION, current_runtime
from dcarbon_api.metrics import request_times
from dcarbon_api.metrics.house import House
from dcarbon_api.security.access import public

bp = Blueprint("metrics", __name__)
log = structlog.get_logger(__name__)

_KEPT_S = 10.0
"""Figures this old are given again: several that ask at once cost the database no more than one."""
_FORWARDED = ("Forwarded", "Via", "X-Forwarded-For", "X-Real-Ip")
_EXTENSION = f"{EXTENSION}.kept_figures"


class MetricsRefused(DCarbonError):
    """An administrator acts: the figures are for this machine, or for who has their token."""

    is_ours = False
    code = "metrics_refused"


@dataclass(slots=True)
class _Kept:
    """The figures of the last look of this worker, and at what."""

    looked_at: Runtime | None = None
    figures: Figures | None = None
    read_at: float = float("-inf")
    lock: threading.Lock = field(default_factory=threading.Lock)

    def figures_of(self, runtime: Runtime) -> Figures | None:
        with self.lock:
            is_old = time.monotonic() - self.read_at >= _KEPT_S
            if is_old or self.looked_at is not runtime:
                self.figures, self.looked_at = _read(runtime), runtime
                self.read_at = time.monotonic()
            return self.figures


@bp.get("/metrics")
@public
def read_metrics() -> Response:
    """Return every figure in the format that is asked for; a database that is away is a figure."""
    _require_known_asker()
    runtime = current_runtime()
    kept: _Kept = current_app.extensions.setdefault(_EXTENSION, _Kept())
    registry = CollectorRegistry()
    registry.register(request_times.of_this_app())
    registry.register(House(kept.figures_of(runtime), system_machine.disks(runtime.settings)))
    encode, media_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(registry), content_type=media_type)


def _read(runtime: Runtime) -> Figures | None:
    try:
        return operation_figures.read(runtime)
    except SQLAlchemyError as error:
        log.warning("figures_not_read", error_type=type(error).__name__)
        return None


def _require_known_asker() -> None:
    """Raise :class:`MetricsRefused` for whoever is neither here nor has the token.

    Without a token in the settings, a request that a proxy passed on is not from this machine,
    whatever the connection looks like.
    """
    wanted = current_runtime().settings.metrics_token
    if wanted is not None:
        given = request.authorization
        token = given.token if given is not None and given.type == "bearer" else None
        if not hmac.compare_digest((token or "").encode(), wanted.get_secret_value().encode()):
            raise MetricsRefused("no metrics token")
        return
    if any(name in request.headers for name in _FORWARDED) or not _is_loopback(request.remote_addr):
        raise MetricsRefused("not from this machine")


def _is_loopback(address: str | None) -> bool:
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False
