"""Every mail says the same in text and HTML, and what people typed stays what they typed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import meta

import dcarbon.services
from dcarbon.services.mail_rendering import KINDS, _environment, render

EXPIRES = datetime(2026, 5, 9, 16, 30, tzinfo=UTC)
LINK = "https://dcarbon.example/invitations/s-3cr_et?a=1&b=2"
TEMPLATES = Path(str(dcarbon.services.__file__)).parent / "mail_templates"


def context_of(kind: str, typed: str = "Sunny Roof") -> dict[str, object]:
    known: dict[str, object] = {
        "link": LINK,
        "minutes": 15,
        "expires": EXPIRES,
        "since": EXPIRES,
        "back": EXPIRES,
    }
    return {name: known.get(name, typed) for name in KINDS[kind].variables}


class Page(HTMLParser):
    """The words, links and elements of an HTML mail."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.elements: list[str] = []
        self.words = ""
        self._is_hidden = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self._is_hidden = tag in {"style", "title"}
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]

    def handle_endtag(self, tag: str) -> None:
        self._is_hidden = False

    def handle_data(self, data: str) -> None:
        self.words += "" if self._is_hidden else f" {data}"


def collapsed(text: str) -> str:
    return " ".join(text.split())


def test_every_template_has_a_kind_and_every_kind_a_template() -> None:
    assert {path.stem for path in TEMPLATES.glob("*.j2")} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_template_uses_exactly_the_variables_of_its_kind(kind: str) -> None:
    source = (TEMPLATES / f"{kind}.j2").read_text()

    used = meta.find_undeclared_variables(_environment(is_html=False).parse(source))

    assert (used | ({"link"} if "block button" in source else set())) - {"layout"} == (
        KINDS[kind].variables
    )


@pytest.mark.parametrize("kind", KINDS)
def test_text_and_html_say_the_same(kind: str) -> None:
    mail = render(kind, context_of(kind))

    paragraphs = [collapsed(part) for part in re.split(r"\n\n|\n--\n", mail.text) if part.strip()]
    words = collapsed(Page(mail.html).words)
    spoken = [part for part in paragraphs if LINK not in part and "Why you get this" not in part]
    assert len(spoken) >= 3
    assert [part for part in spoken if part not in words] == []
    assert "Why you get this: " in mail.text
    assert "Why you get this: " in words
    assert "Reply to this mail" in mail.text


@pytest.mark.parametrize("kind", KINDS)
def test_text_and_html_hold_the_one_same_link(kind: str) -> None:
    mail = render(kind, context_of(kind))

    expected = {LINK} if "link" in KINDS[kind].variables else set()
    assert set(re.findall(r"https?://\S+", mail.text)) == expected
    assert set(Page(mail.html).links) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_a_typed_name_is_shown_as_it_was_typed_and_never_becomes_markup(kind: str) -> None:
    typed = """<script>x</script> & "Roof" 'n' <a href="https://evil.example">Sun</a>"""
    plain = render(kind, context_of(kind))

    mail = render(kind, context_of(kind, typed))

    assert Page(mail.html).elements == Page(plain.html).elements
    assert Page(mail.html).links == Page(plain.html).links
    if KINDS[kind].variables - {"link", "minutes"}:
        assert typed in collapsed(Page(mail.html).words)
        assert typed in collapsed(mail.text)


@pytest.mark.parametrize("kind", KINDS)
def test_a_template_markup_typed_by_people_is_not_run(kind: str) -> None:
    mail = render(kind, context_of(kind, "{{ 7 * 191 }}{% raise %}"))

    assert "1337" not in mail.subject + mail.text + mail.html


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r", "\u2028", "\x85", "\x0b", "\x00"])
def test_a_subject_is_one_line_whatever_was_typed(kind: str, ending: str) -> None:
    mail = render(kind, context_of(kind, f"Roof{ending}Bcc: many@example.test"))

    assert len(mail.subject.splitlines()) == 1
    assert mail.subject.isprintable()


def test_a_name_that_turns_the_reading_direction_is_made_plain() -> None:
    mail = render("authorization_done", {"facility": "Roof \u202egpj.exe", "utility": "PG&E"})

    assert "\u202e" not in mail.subject + mail.text + mail.html


def test_a_name_as_long_as_a_page_is_cut() -> None:
    mail = render("authorization_done", {"facility": "Roof " * 400, "utility": "PG&E"})

    assert len(mail.subject) < 200
    assert "…" in mail.subject


@pytest.mark.parametrize("change", [{"minutes": 15}, {"link": LINK, "minutes": 15, "more": 1}])
def test_a_missing_or_unknown_variable_is_a_mistake_of_ours(change: dict[str, object]) -> None:
    with pytest.raises(LookupError, match="sign_in takes"):
        render("sign_in", change)


def test_a_moment_is_said_with_its_zone() -> None:
    mail = render("operator_invitation", context_of("operator_invitation"))

    assert "Saturday, 9 May 2026 at 16:30 UTC" in collapsed(mail.text)


def test_rendered_words_do_not_show_in_logs() -> None:
    assert LINK not in repr(render("sign_in", context_of("sign_in")))
