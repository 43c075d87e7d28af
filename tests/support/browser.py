"""A person at a browser, over Flask's test client: pages, forms with their tokens, cookies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from urllib.parse import urlsplit

from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from dcarbon.db.mails import Mail
from dcarbon.services.runtime import Runtime

_TOKEN = re.compile(r'name="(?:\w+-)?csrf_token"[^>]*value="([^"]+)"')
_META = re.compile(r'name="csrf-token" content="([^"]+)"')
_LINK = re.compile(r"https?://\S+/sign-in/[\w-]+")
PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Browser:
    """Keeps cookies; sends what a browser on our own pages sends."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(path, headers={**PAGE, "Sec-Fetch-Site": "none", **headers})

    def post(
        self, path: str, data: Mapping[str, str] | None = None, *, page: str, **headers: str
    ) -> TestResponse:
        """Send a form of ``page`` with the token that page shows."""
        return self.post_raw(path, {"csrf_token": self.token(page), **(data or {})}, **headers)

    def post_raw(self, path: str, data: Mapping[str, str], **headers: str) -> TestResponse:
        sent = {**PAGE, "Sec-Fetch-Site": "same-origin", **headers}
        return self.client.post(path, data=dict(data), headers=sent)

    def token(self, page: str) -> str:
        shown = self.get(page).text
        found = _META.search(shown) or _TOKEN.search(shown)
        assert found, f"{page} shows no form token"
        return unescape(found[1])

    def cookie(self, name: str = "dcarbon-session") -> str | None:
        held = self.client.get_cookie(name)
        return held.value if held else None

    def ask_for_link(self, email: str, next_path: str = "") -> TestResponse:
        return self.post("/sign-in", {"email": email, "next": next_path}, page="/sign-in")

    def sign_in(self, runtime: Runtime, email: str, next_path: str = "") -> TestResponse:
        """Go the whole way: ask, read the mail, open it, press the button."""
        self.ask_for_link(email, next_path)
        path = link_path(runtime, email)
        return self.post(path, page=path)


def link_path(runtime: Runtime, email: str) -> str:
    """Return the path of the last link mailed to an address."""
    with runtime.sessions() as session:
        last = select(Mail).where(Mail.to_address == email).order_by(Mail.id.desc()).limit(1)
        mail = session.scalars(last).one()
    found = _LINK.search(mail.text_body)
    assert found
    return urlsplit(found[0]).path


def mails_to(runtime: Runtime, email: str) -> list[Mail]:
    with runtime.sessions() as session:
        return list(session.scalars(select(Mail).where(Mail.to_address == email)))
