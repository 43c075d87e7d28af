"""Whose address it is behind proxies: what trusted ones say, and nothing that anybody else says.

Each proxy adds whom it speaks with at the end of ``X-Forwarded-For``, so the list is read from its
end: as many proxies as stand before the app, or as lie in the networks that are theirs. What comes
before them is what the asker wrote. Addresses come out in one way of writing, without a port.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

from flask import Flask

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_WITH_PORT = re.compile(r"\[([^\]]+)\](?::\d+)?|([^:]+):\d+")
_SCHEMES = frozenset({"http", "https"})
_UNLIMITED = 20
"""Proxies in a row where only networks are named."""

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Trusted:
    """The proxies before the app: how many at most, and in which networks they lie.

    Without networks the first ``hops`` addresses from the end are believed, whoever they are: the
    app must then be reachable through the proxies alone.
    """

    hops: int = 0
    networks: Sequence[IPv4Network | IPv6Network] = ()

    def is_proxy(self, address: Address | None) -> bool:
        """Say whether an address may be one of the proxies; ``None`` is a local socket."""
        if not self.networks:
            return self.hops > 0
        return address is not None and any(address in network for network in self.networks)

    @property
    def most(self) -> int:
        return self.hops or (_UNLIMITED if self.networks else 0)


def configure(app: Flask, trusted: Trusted) -> None:
    """Let the application see askers' addresses."""
    app.wsgi_app = RealAddress(app.wsgi_app, trusted)  # type: ignore[method-assign]


class RealAddress:
    """WSGI middleware: puts the asker's address and scheme where the application looks for them."""

    def __init__(self, app: WSGIApplication, trusted: Trusted) -> None:
        self._app, self._trusted = app, trusted

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        peer = read(environ.get("REMOTE_ADDR", ""))
        said = environ.get("HTTP_X_FORWARDED_FOR", "").split(",")
        address, passed = asker(peer, said, self._trusted)
        if address is None:
            environ.pop("REMOTE_ADDR", None)
        else:
            environ["REMOTE_ADDR"] = str(address)
        schemes = [one.strip() for one in environ.get("HTTP_X_FORWARDED_PROTO", "").split(",")]
        scheme = schemes[-min(passed, len(schemes))] if passed else ""
        if scheme in _SCHEMES:
            environ["wsgi.url_scheme"] = scheme
        return self._app(environ, start_response)


def asker(
    peer: Address | None, said: Sequence[str], trusted: Trusted
) -> tuple[Address | None, int]:
    """Return the asker's address and how many proxies were passed on the way to it.

    ``said`` is the list of ``X-Forwarded-For``. What is no address ends the way: the last one that
    is known stands.
    """
    address, passed = peer, 0
    for text in reversed(said):
        if passed == trusted.most or not trusted.is_proxy(address):
            break
        before = read(text)
        if before is None:
            break
        address, passed = before, passed + 1
    return address, passed


def read(text: str) -> Address | None:
    """Return the address a text is, with or without a port, ``None`` for anything else."""
    bare = text.strip().strip('"')
    match = _WITH_PORT.fullmatch(bare)
    if match:
        bare = match[1] or match[2]
    try:
        address = ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
