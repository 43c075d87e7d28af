"""The running product for journeys: web app, sandbox, mails and collecting, and a real browser."""

from __future__ import annotations

import re
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx2
import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe
from cheroot.wsgi import Server
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

from dcarbon import settings
from dcarbon.db.base import new_id
from dcarbon.services import collection, mails, work
from dcarbon.services.runtime import Runtime, open_runtime
from dcarbon_api.app import create_app
from dcarbon_sandbox.product_settings import product_settings
from dcarbon_sandbox.server import Ports, Running, running
from tests.journeys import steps
from tests.support.databases import address

ARTEFACTS = Path(__file__).resolve().parents[2] / ".artefacts" / "journeys"
PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 900}


@dataclass(frozen=True)
class Site:
    """Where everything is, and ways to look behind the pages."""

    url: str
    runtime: Runtime
    sandbox: Running

    def mails_to(self, address: str) -> list[dict[str, Any]]:
        """Return the mails this address got, oldest first."""
        answer = httpx2.get(f"{self.sandbox.endpoints.http}/sandbox/mails", trust_env=False)
        return [mail for mail in answer.json()["mails"][::-1] if address in mail["to"]]

    def link_in_mail(self, address: str, path: str, *, after: int = 0) -> str:
        """Wait for a mail to this address beyond the first ``after`` and return its link."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for mail in self.mails_to(address)[after:]:
                found = re.search(rf"{re.escape(self.url)}{path}[A-Za-z0-9_-]+", mail["text"])
                if found:
                    return found[0]
            time.sleep(0.2)
        raise AssertionError(f"no mail with a link to {path} reached {address}")


@pytest.fixture(scope="session")
def site(
    server_url: str, template_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    assert template_url
    directory = tmp_path_factory.mktemp("journeys")
    name = f"journeys_{new_id().hex}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'create database "{name}" template dcarbon_template')
    url = f"http://127.0.0.1:{_free_port()}"
    with running(directory / "sandbox", ports=Ports(0, 0, 0)) as sandbox:
        fast = {
            f"DCARBON_PROVIDERS__{key}__OVERRIDES__PER_SECOND": "20"
            for key in ("PGE", "SCE", "SDGE")
        }
        chosen = settings.load(
            {**product_settings(sandbox.endpoints), **fast},
            directory=directory,
            database_url=address(server_url, name),
            seal_keys_file=directory / "seal.keys",
            public_url=url,
        )
        with open_runtime(chosen) as runtime, _served(runtime, url), _working(runtime):
            yield Site(url, runtime, sandbox)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'drop database "{name}" with (force)')


@contextmanager
def _served(runtime: Runtime, url: str) -> Iterator[None]:
    host, port = url.removeprefix("http://").split(":")
    server = Server((host, int(port)), create_app(runtime), numthreads=8)
    server.prepare()
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.stop()
        thread.join(timeout=60)


@contextmanager
def _working(runtime: Runtime) -> Iterator[None]:
    """Do what sensor, run and mailer do: due work orders are collected, mails go out."""
    stop = threading.Event()

    def loop() -> None:
        while not stop.wait(0.3):
            for _order, authorization_id, _attempts in work.due(
                runtime.sessions, now=runtime.now()
            ):
                collection.collect(runtime, authorization_id)
            mails.send_due(runtime)

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=60)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium")
    assert executable, "Chromium is not installed; scripts/chromium.sh does it"
    flags = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    with sync_playwright() as playwright:
        expect.set_options(timeout=steps.PATIENCE_MS)
        launched = playwright.chromium.launch(executable_path=executable, args=flags)
        yield launched
        launched.close()


@dataclass
class People:
    """Signs people in, each in a browser of their own."""

    site: Site
    browser: Browser
    contexts: list[BrowserContext] = field(default_factory=list)

    def visitor(self, *, dark: bool = False, phone: bool = False) -> Page:
        context = self.browser.new_context(
            viewport=PHONE if phone else DESKTOP, color_scheme="dark" if dark else "light"
        )
        context.set_default_timeout(steps.PATIENCE_MS)
        self.contexts.append(context)
        return context.new_page()

    def signed_in(
        self, email: str, *, kind: str = "residential", dark: bool = False, phone: bool = False
    ) -> Page:
        """Ask for a link, open it from the mail, press its button; a new one says who they are."""
        page = self.visitor(dark=dark, phone=phone)
        before = len(self.site.mails_to(email))
        page.goto(f"{self.site.url}/sign-in")
        page.get_by_label("E-mail").fill(email)
        steps.press(page.locator("main form button[type=submit]").first)
        page.goto(self.site.link_in_mail(email, "/sign-in/", after=before))
        steps.press(page.locator("main form button[type=submit]").first)
        if page.get_by_role("heading", name="Welcome to DCarbon").count():
            page.get_by_label("Your name").fill(email.split("@", maxsplit=1)[0].title())
            page.get_by_label(re.compile(kind, re.IGNORECASE)).first.check()
            steps.press(page.locator("main form button[type=submit]").first)
        page.goto(f"{self.site.url}/facilities")
        return page


@pytest.fixture
def people(site: Site, browser: Browser, request: pytest.FixtureRequest) -> Iterator[People]:
    """People for one test; the last state of every page is kept as a picture."""
    found = People(site, browser)
    yield found
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:80]
    for place, context in enumerate(found.contexts):
        for page in context.pages:
            if page.url.startswith(site.url):
                page.screenshot(path=ARTEFACTS / f"{name}-{place}.png", full_page=True)
        context.close()


@pytest.fixture
def seen() -> Callable[[Page, str], None]:
    """Keep a picture of a page; find nothing serious wrong, light and dark, small and wide."""

    def look(page: Page, name: str) -> None:
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)
        usual = page.viewport_size or DESKTOP
        serious = [
            f"{scheme} {size['width']}: {one}"
            for scheme in ("light", "dark")
            for size in (DESKTOP, PHONE)
            for one in _serious(page, scheme, size)
        ]
        page.set_viewport_size(usual)
        page.emulate_media(color_scheme="null")
        assert not serious, f"{name}: {serious}"

    return look


def _serious(page: Page, scheme: Literal["light", "dark"], size: ViewportSize) -> list[str]:
    """Return what axe-core finds serious or critical on the page as it looks now."""
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size(size)
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['help']} {[node['html'][:120] for node in one['nodes'][:3]]}"
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
