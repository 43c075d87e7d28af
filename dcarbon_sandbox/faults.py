"""Faults on demand: rules that make the utilities misbehave, a number of times or for ever.

Some kinds spoil any response and are applied around each request here; the others are asked for
by name (:meth:`Faults.take`) where a provider knows what they mean, for example ``decline``.
"""

from __future__ import annotations

import errno
import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from flask import Flask, Response, g, request

STATUSES: Mapping[str, tuple[int, str]] = {
    "unauthorized": (401, "Unauthorized"),
    "forbidden": (403, "Forbidden"),
    "not_found": (404, "Not found"),
    "throttled": (429, "Too many requests"),
    "error": (500, "Internal error"),
    "unavailable": (503, "Service unavailable"),
}
BEFORE = {*STATUSES, "status", "time_out"}
AFTER = {"slow", "cut", "malformed", "empty"}
SEMANTIC: Mapping[str, str] = {
    "decline": "the customer's approval comes out as a refusal",
    "narrow_scope": "less is granted than was asked for",
    "expired_refresh": "the refresh token counts as expired",
    "one_time_refresh": "a refresh token works once",
    "asynchronous": "202 now, data after a notification",
    "notify_first": "the notification overtakes the 202",
    "notify_twice": "the notification comes twice",
    "notify_lost": "the notification never comes",
}
KINDS: Mapping[str, str] = {
    "unauthorized": "401",
    "forbidden": "403",
    "not_found": "404",
    "throttled": "429 with Retry-After (parameter retry_after, default 2)",
    "error": "500",
    "unavailable": "503 (parameter retry_after optional)",
    "status": "any status (parameters status, body)",
    "time_out": "no answer for parameter seconds (default 60), then an empty one",
    "slow": "the answer comes after parameter seconds (default 2)",
    "cut": "the connection ends in the middle of the body",
    "malformed": "broken JSON or XML",
    "empty": "a feed without entries, a list without members",
    **SEMANTIC,
}
_API_ONLY_UNLESS_ASKED = ("/sandbox", "/mails", "/static")


class UnknownFault(ValueError):
    """A rule that cannot be: unknown kind, member or value."""


@dataclass
class FaultRule:
    """When to misbehave, and how.

    ``provider`` is ``green_button``, ``utilityapi`` or a utility's code; ``after`` lets that many
    matching requests pass first; ``times`` is how often the fault happens, ``None`` for ever.
    """

    kind: str
    provider: str | None = None
    path_prefix: str | None = None
    method: str | None = None
    times: int | None = 1
    after: int = 0
    parameters: dict[str, Any] = field(default_factory=dict)
    id: int = 0
    happened: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str) or self.kind not in KINDS:
            raise UnknownFault(f"unknown fault {self.kind!r}; known: {', '.join(sorted(KINDS))}")
        if not isinstance(self.parameters, dict):
            raise UnknownFault("parameters must be an object")
        for name in ("times", "after"):
            value = getattr(self, name)
            if not (isinstance(value, int) or (name == "times" and value is None)):
                raise UnknownFault(f"{name} must be a whole number")


class Faults:
    """The rules in force. ``providers_of`` and ``is_page`` say what a path belongs to."""

    def __init__(
        self,
        *,
        providers_of: Callable[[str], frozenset[str]] | None = None,
        is_page: Callable[[str], bool] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._rules: list[FaultRule] = []
        self._sleep = sleep
        self.providers_of = providers_of or (lambda _path: frozenset())
        self.is_page = is_page or (lambda _path: False)

    def add(self, kind: str, **settings: Any) -> FaultRule:
        """Put a rule in force and return it; raises :class:`UnknownFault`."""
        try:
            rule = FaultRule(kind=kind, **settings)
        except TypeError as error:
            raise UnknownFault(str(error)) from error
        with self._lock:
            rule.id = next(self._numbers)
            self._rules.append(rule)
        return rule

    def rules(self) -> Sequence[dict[str, Any]]:
        """Return every rule in force as plain JSON, the oldest first."""
        with self._lock:
            return [asdict(rule) for rule in self._rules]

    def clear(self, rule_id: int | None = None) -> None:
        """Withdraw one rule, or all of them."""
        with self._lock:
            self._rules = [r for r in self._rules if rule_id is not None and r.id != rule_id]

    def take(
        self,
        kinds: str | set[str],
        *,
        providers: frozenset[str] | set[str] = frozenset(),
        method: str | None = None,
        path: str | None = None,
    ) -> FaultRule | None:
        """Return the first rule of these kinds that is due for this request and count it.

        Providers call this where a fault of theirs would happen, for example
        ``faults.take("decline", providers={"utilityapi"})``.
        """
        wanted = {kinds} if isinstance(kinds, str) else kinds
        with self._lock:
            for rule in self._rules:
                if rule.kind not in wanted or not _matches(rule, providers, method, path):
                    continue
                if _due(rule):
                    self._rules = [r for r in self._rules if not _used_up(r)]
                    return rule
        return None

    def install(self, app: Flask) -> None:
        """Apply the general faults around every request of ``app``."""
        app.before_request(self._before)
        app.after_request(self._after)

    def _taken(self, kinds: set[str]) -> FaultRule | None:
        path = request.path
        if path.startswith(_API_ONLY_UNLESS_ASKED) or not self._rules:
            return None
        return self.take(
            kinds, providers=self.providers_of(path), method=request.method, path=self._shown(path)
        )

    def _shown(self, path: str) -> str:
        # A rule without a path means the API: a person's page would only hide what is tested.
        return f"page:{path}" if self.is_page(path) else path

    def _before(self) -> Response | None:
        rule = self._taken(BEFORE)
        if rule is None:
            return None
        g.spoiled = True
        if rule.kind == "time_out":
            self._sleep(float(rule.parameters.get("seconds", 60)))
            return _cut(Response(b"no answer"), keep=0)
        status, text = STATUSES.get(rule.kind, (int(rule.parameters.get("status", 500)), "Fault"))
        response = Response(rule.parameters.get("body", text), status, mimetype="text/plain")
        retry_after = rule.parameters.get("retry_after", 2 if rule.kind == "throttled" else None)
        if retry_after is not None:
            response.headers["Retry-After"] = str(retry_after)
        if status == 401:
            response.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
        return response

    def _after(self, response: Response) -> Response:
        if g.get("spoiled") or not 200 <= response.status_code < 300:
            return response
        rule = self._taken(AFTER)
        if rule is None:
            return response
        if rule.kind == "slow":
            self._sleep(float(rule.parameters.get("seconds", 2)))
            return response
        if rule.kind == "cut":
            return _cut(response)
        return _spoiled(response) if rule.kind == "malformed" else _emptied(response)


def _matches(
    rule: FaultRule, providers: frozenset[str] | set[str], method: str | None, path: str | None
) -> bool:
    if rule.provider is not None and rule.provider not in providers:
        return False
    if rule.method is not None and method is not None and rule.method != method:
        return False
    if path is None:
        return True
    if rule.path_prefix is None:
        return not path.startswith("page:")
    return path.removeprefix("page:").startswith(rule.path_prefix)


def _due(rule: FaultRule) -> bool:
    if rule.after > 0:
        rule.after -= 1
        return False
    rule.happened += 1
    return True


def _used_up(rule: FaultRule) -> bool:
    return rule.times is not None and rule.happened >= rule.times


def _cut(response: Response, *, keep: int | None = None) -> Response:
    whole = response.get_data()
    part = whole[: len(whole) // 2 if keep is None else keep]

    def body() -> Iterator[bytes]:
        if part:
            yield part
        # The server ends the connection without a word; the promised length is never reached.
        raise ConnectionResetError(errno.ECONNRESET, "cut on purpose")

    cut = Response(body(), response.status_code, mimetype=response.mimetype)
    cut.headers["Content-Length"] = str(len(whole))
    return cut


def _spoiled(response: Response) -> Response:
    whole = response.get_data()
    response.set_data(whole[: len(whole) * 2 // 3] + b"<<&{{")
    return response


def _emptied(response: Response) -> Response:
    if response.mimetype == "application/json":
        content = json.loads(response.get_data())
        if isinstance(content, dict):
            content = {k: [] if isinstance(v, list) else v for k, v in content.items()}
        response.set_data(json.dumps(content))
    elif (response.mimetype or "").endswith("xml"):
        text = response.get_data(as_text=True)
        response.set_data(re.sub(r"<(\w+:)?entry\b.*</(\w+:)?entry>", "", text, flags=re.DOTALL))
    return response
