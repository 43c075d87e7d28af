"""A customer's way through a utility's pages over HTTP, as a browser without scripts goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import httpx2
from lxml import html

from dcarbon.domain.errors import DCarbonError

MAX_PAGES = 12


class WayLost(DCarbonError):
    """A page did not offer what a person would have used."""

    code = "way_lost"


@dataclass(slots=True)
class Visitor:
    """Follows redirects, fills in forms, presses buttons; cookies stay as in a browser.

    ``press`` names a button to prefer, as a person who declines would.
    """

    http: httpx2.Client
    press: str | None = None

    @classmethod
    def new(cls) -> Self:
        return cls(httpx2.Client(follow_redirects=False, trust_env=False, timeout=30.0))

    def through(self, address: str, answers: Mapping[str, str], *, until: str) -> str:
        """Walk from ``address`` until a redirect leads back under ``until``; return that address.

        Every form is filled with ``answers`` by field name, and its first button is pressed.
        Raises :class:`WayLost` when a page is an error or has no form.
        """
        response = self.http.get(address)
        for _ in range(MAX_PAGES):
            while response.has_redirect_location:
                target = str(response.url.join(response.headers["location"]))
                if target.startswith(until):
                    return target
                response = self.http.get(target)
            document = html.document_fromstring(response.content)
            assert isinstance(document, html.HtmlElement)
            if response.is_error or not document.forms:
                raise _lost(response, document)
            response = self._submit(response, document, answers)
        raise WayLost("too many pages", display_message="The utility's pages do not end.")

    def _submit(
        self, response: httpx2.Response, document: html.HtmlElement, answers: Mapping[str, str]
    ) -> httpx2.Response:
        form = next((f for f in document.forms if f.method.upper() == "POST"), document.forms[0])
        fields = [(name, value) for name, value in form.form_values() if name not in answers]
        names = {field.get("name") for field in form.xpath(".//input|.//select|.//textarea")}
        fields += [(name, value) for name, value in answers.items() if name in names]
        buttons = form.xpath(".//button[@name]|.//input[@type='submit'][@name]")
        preferred = [one for one in buttons if one.get("value") == self.press]
        for button in (preferred or buttons)[:1]:
            fields.append((button.get("name"), button.get("value") or ""))
        target = response.url.join(form.get("action") or str(response.url))
        data: dict[str, list[str]] = {}
        for name, value in fields:
            data.setdefault(name, []).append(value)
        if form.method.upper() == "POST":
            return self.http.post(target, data=data)
        return self.http.get(target, params=data)


def _lost(response: httpx2.Response, document: html.HtmlElement) -> WayLost:
    words = " ".join(document.text_content().split())[:300]
    return WayLost(
        f"page answered {response.status_code}",
        display_message=f"A page of the utility led nowhere ({response.status_code}): {words}",
    )
