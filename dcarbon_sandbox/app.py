"""The sandbox as one Flask application: utilities, control room, mails, and who may come in how."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from ssl import SSLContext
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, render_template, request

from dcarbon_sandbox import admin, mails, utilityapi
from dcarbon_sandbox.arrivals import Arrivals
from dcarbon_sandbox.clock import SandboxClock
from dcarbon_sandbox.customers import CUSTOMERS
from dcarbon_sandbox.faults import Faults
from dcarbon_sandbox.green_button.blueprint import PAGES, blueprint, custodians
from dcarbon_sandbox.green_button.custodian import Custodian, Surroundings
from dcarbon_sandbox.green_button.notifications import Notifier
from dcarbon_sandbox.green_button.oauth_models import is_loopback
from dcarbon_sandbox.green_button.profiles import PROFILES
from dcarbon_sandbox.green_button.store import Store
from dcarbon_sandbox.scenarios import SCENARIOS
from dcarbon_sandbox.scheduler import Scheduler
from dcarbon_sandbox.state import SandboxState

_PEOPLE = ("/sandbox", "/mails", "/authorize", "/static")
_UTILITYAPI = ("/api/", "/authorize")
_BODY_LIMIT = 20 * 2**20


@dataclass(frozen=True)
class Options:
    """What is registered and served. Notification addresses go by utility, ``*`` for all."""

    redirect_uris: tuple[str, ...] = ()
    notification_uris: Mapping[str, str] = field(default_factory=dict)
    feeds: Mapping[str, Path] = field(default_factory=dict)
    utilityapi: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the UtilityAPI server; see ``utilityapi.settings``."""


@dataclass(frozen=True)
class Sandbox:
    """The parts of a running sandbox, for tests, the control room and the server."""

    state: SandboxState
    clock: SandboxClock
    faults: Faults
    arrivals: Arrivals
    store: Store
    scheduler: Scheduler
    notifier: Notifier
    custodians: Mapping[str, Custodian]
    mails: mails.MailSink

    def close(self) -> None:
        """Stop what runs in the background and write the state."""
        self.scheduler.close()
        self.state.close()


def create_app(
    state: SandboxState,
    *,
    base_url: Callable[[], str],
    pages_url: Callable[[], str] | None = None,
    clock: SandboxClock | None = None,
    options: Options | None = None,
    tls: SSLContext | None = None,
    background: bool = True,
) -> Flask:
    """Return the application; its :class:`Sandbox` is ``app.extensions["sandbox"]``.

    ``base_url`` is the HTTPS root written into links, ``pages_url`` where a browser goes,
    ``tls`` how notifications are delivered. Close the sandbox when done.
    """
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = _BODY_LIMIT
    # Cookies know no ports: the usual name would overwrite the web application's session.
    app.config["SESSION_COOKIE_NAME"] = "sandbox_session"
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's default provider has it
    app.secret_key = _secret(state)
    sandbox = _assemble(
        state, clock or SandboxClock(), options or Options(), base_url=base_url, tls=tls
    )
    app.extensions["sandbox"] = sandbox
    app.before_request(_only_pages_without_tls)
    sandbox.arrivals.install(app)
    sandbox.faults.install(app)
    for custodian in sandbox.custodians.values():
        app.register_blueprint(blueprint(custodian))
    app.register_blueprint(
        utilityapi.blueprint(
            state,
            sandbox.clock,
            sandbox.faults,
            base_url,
            pages_url=pages_url or base_url,
            background=background,
        )
    )
    if options and options.utilityapi:
        app.extensions["utilityapi"].configure(options.utilityapi)
    app.register_blueprint(mails.blueprint(sandbox.mails))
    app.register_blueprint(admin.blueprint(sandbox))
    app.register_error_handler(404, _not_found)
    app.add_url_rule("/", view_func=_index(sandbox, base_url))
    for custodian in sandbox.custodians.values():
        custodian.batches.resume()
    return app


def _assemble(
    state: SandboxState,
    clock: SandboxClock,
    options: Options,
    *,
    base_url: Callable[[], str],
    tls: SSLContext | None,
) -> Sandbox:
    faults = Faults(providers_of=providers_of, is_page=is_page)
    store, scheduler = Store(state, clock), Scheduler()
    notifier = Notifier(scheduler, tls=tls)
    for utility, uri in options.notification_uris.items():
        notifier.register(utility, uri)
    around = Surroundings(
        store=store,
        clock=clock,
        faults=faults,
        notifier=notifier,
        base_url=base_url,
        redirect_uris=options.redirect_uris,
        feeds=options.feeds,
    )
    return Sandbox(
        state=state,
        clock=clock,
        faults=faults,
        arrivals=Arrivals(utility_of),
        store=store,
        scheduler=scheduler,
        notifier=notifier,
        custodians=custodians(around),
        mails=mails.MailSink(state, clock),
    )


def providers_of(path: str) -> frozenset[str]:
    """Return the names a fault rule may use for the provider a path belongs to."""
    if path.startswith(_UTILITYAPI):
        return frozenset({"utilityapi"})
    code = path.split("/", 2)[1]
    return frozenset({"green_button", code}) if code in PROFILES else frozenset()


def utility_of(path: str) -> str | None:
    """Return which utility's API a path belongs to; ``None`` for pages and what is nobody's."""
    if is_page(path):
        return None
    return next(iter(providers_of(path) - {"green_button"}), None)


def is_page(path: str) -> bool:
    """Say whether a path is for people: those are served without TLS too."""
    return path == "/" or path in PAGES or path.startswith(_PEOPLE)


def _secret(state: SandboxState) -> str:
    with state.changing("frame") as section:
        secret: str = section.setdefault("session_secret", secrets.token_hex(32))
    return secret


def _only_pages_without_tls() -> Response | None:
    origin = request.headers.get("Origin")
    if request.method != "GET" and origin and origin != "null" and not is_loopback(origin):
        return Response("Cross-site request", 403, mimetype="text/plain")
    if urlsplit(request.url).scheme == "https" or is_page(request.path):
        return None
    return Response("This is served over HTTPS only.", 403, mimetype="text/plain")


def _not_found(_error: object) -> Response:
    # PG&E's gateway says so (reference 8.2).
    if request.path.startswith("/pge/"):
        return Response(f"No listener for endpoint: {request.path}", 404, mimetype="text/plain")
    return Response("Not found", 404, mimetype="text/plain")


def _index(sandbox: Sandbox, base_url: Callable[[], str]) -> Callable[[], str]:
    def index() -> str:
        return render_template(
            "sandbox/index.html",
            profiles=PROFILES.values(),
            customers=CUSTOMERS,
            scenarios=SCENARIOS,
            base_url=base_url(),
            now=sandbox.clock.now(),
        )

    return index
