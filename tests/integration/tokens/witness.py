"""Who sees every secret that goes between the utilities and us: the utilities themselves."""

from __future__ import annotations

import base64
import re
import threading
from urllib.parse import parse_qsl, urlsplit

from flask import Response, request

from dcarbon_sandbox.server import Running

_GIVEN = re.compile(
    r"<?\"?(access_token|refresh_token|client_access_token)\"?[>:\s]+\"?([A-Za-z0-9._~-]{8,})"
)
_SENT = {"code", "refresh_token", "token", "code_verifier", "client_secret", "state"}
_SHORTEST = 8


class Witness:
    """Secrets by what they are, from the requests and answers of the sandbox's web servers."""

    def __init__(self, sandbox: Running) -> None:
        self.seen: dict[str, str] = {}
        self._lock = threading.Lock()
        # The last one put there is the first to look: faults spoil the answer afterwards.
        sandbox.app.after_request_funcs.setdefault(None, []).append(self._look)

    def tell(self, kind: str, secret: str) -> None:
        """Add a secret that is known from elsewhere."""
        if len(secret) >= _SHORTEST:
            with self._lock:
                self.seen.setdefault(secret, kind)

    def _look(self, response: Response) -> Response:
        for name, value in [*request.args.items(), *request.form.items()]:
            if name in _SENT:
                self.tell(name, value)
        self._look_at_header(request.headers.get("Authorization", ""))
        for name, value in parse_qsl(urlsplit(response.headers.get("Location", "")).query):
            if name in _SENT:
                self.tell(name, value)
        if request.path.endswith("/token") and not response.direct_passthrough:
            for name, value in _GIVEN.findall(response.get_data(as_text=True)):
                self.tell(name, value)
        return response

    def _look_at_header(self, header: str) -> None:
        scheme, _, credentials = header.partition(" ")
        if scheme == "Bearer":
            self.tell("bearer", credentials)
        elif scheme == "Basic":
            self.tell("basic", credentials)
            self.tell("client_secret", base64.b64decode(credentials).decode().partition(":")[2])
