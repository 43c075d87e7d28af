"""What mails say: one template per kind, from which subject, text and HTML all come.

What does not belong here: who gets a mail, and when it is sent.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

_LINE = 76
_LONGEST_NAME = 120
_BLANK_LINES = re.compile(r"\n{3,}")
_NOT_FOR_LINES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories that break lines or turn the reading direction round."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of mail: what its template needs, and how long the mail is worth sending."""

    variables: frozenset[str]
    worth_for: timedelta = timedelta(days=3)
    holds_secret: bool = False
    """Its link lets the reader in: the row forgets the words once they are sent or given up."""


def _kind(*variables: str, **rest: timedelta | bool) -> Kind:
    return Kind(frozenset(variables), **rest)  # type: ignore[arg-type]


KINDS: Mapping[str, Kind] = {
    # Later than its link lives it would only confuse.
    "sign_in": _kind("link", "minutes", worth_for=timedelta(minutes=15), holds_secret=True),
    "sign_up": _kind("link", "minutes", worth_for=timedelta(minutes=15), holds_secret=True),
    "operator_invitation": _kind("facility", "owner", "link", "expires", holds_secret=True),
    "invitation_accepted": _kind("facility", "operator"),
    "authorization_done": _kind("facility", "utility"),
    "authorization_failed": _kind("facility", "utility", "reason", "link"),
    "reauthorization_needed": _kind("facility", "utility", "link"),
    "authorization_retry": _kind("facility", "utility", "reason", "link"),
    "grant_rotation_failed": _kind("facility", "utility", "reason", "link"),
    "consent_ending": _kind("facility", "utility", "expires", "link"),
    "access_ended": _kind("facility", "utility", "who", "reason", "link"),
    "method_changed": _kind("facility", "old", "new"),
    "adjustment_opened": _kind(
        *("facility", "unit", "month", "reported", "known", "days_left", "link"),
        worth_for=timedelta(days=30),
    ),
    "admin_notice": _kind("title", "text"),
    "audit_head": _kind("day", "seq", "hash", worth_for=timedelta(days=30)),
    "run_failed": _kind("what", "reason", "link"),
    "provider_down": _kind("utility", "since", "hours", "facilities", "code"),
    "provider_back": _kind("utility", "since", "back", "facilities"),
    "deletion_asked": _kind("when", "link"),
    "deletion_to_decide": _kind("when", "link", worth_for=timedelta(days=14)),
    "deletion_declined": _kind("reason", "link", worth_for=timedelta(days=14)),
    "deletion_receipt": _kind(
        *("number", "readings", "payloads", "kept", "sha256", "link"),
        worth_for=timedelta(days=30),
        holds_secret=True,
    ),
    "facility_deleted": _kind("facility", worth_for=timedelta(days=14)),
}


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail's words. The subject is one line."""

    subject: str
    text: str
    html: str

    def __repr__(self) -> str:
        return "Rendered(***)"  # it may hold a link that lets the reader in


def render(kind: str, context: Mapping[str, object]) -> Rendered:
    """Return the words of a mail.

    ``context`` has exactly the variables of the kind; datetimes are aware and shown in their own
    zone. A kind or variable that does not exist is a mistake of ours: ``LookupError``.
    """
    wanted = KINDS[kind].variables
    if wanted != context.keys():
        msg = f"{kind} takes {sorted(wanted)}, not {sorted(context)}"
        raise LookupError(msg)
    values = {name: _clean(name, value) for name, value in context.items()}
    text = _rendered(kind, "base.txt", values)
    return Rendered(
        subject=_one_line(_rendered(kind, "base.subject", values)),
        text=_BLANK_LINES.sub("\n\n", text).strip() + "\n",
        html=_rendered(kind, "base.html", values),
    )


def _rendered(kind: str, layout: str, values: Mapping[str, object]) -> str:
    template = _environment(is_html=layout.endswith(".html")).get_template(f"{kind}.j2")
    return template.render(values, layout=layout)


@cache
def _environment(*, is_html: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("dcarbon.services", "mail_templates"),
        autoescape=is_html,  # noqa: S701 — the plain text and the subject are no HTML
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters["paragraph"] = _html_paragraph if is_html else _text_paragraph
    environment.filters["moment"] = _moment
    return environment


def _clean(name: str, value: object) -> object:
    """Names are typed by people: one line of them, not a page, and no tricks with direction."""
    if not isinstance(value, str) or name == "link":
        return value
    line = _one_line(value)
    if name in {"text", "reason"} or len(line) <= _LONGEST_NAME:
        return line
    return line[: _LONGEST_NAME - 1] + "…"


def _one_line(text: str) -> str:
    kept = (" " if unicodedata.category(c) in _NOT_FOR_LINES else c for c in text)
    return " ".join("".join(kept).split())


def _text_paragraph(text: str) -> str:
    return textwrap.fill(
        " ".join(text.split()), _LINE, break_long_words=False, break_on_hyphens=False
    )


def _html_paragraph(text: str) -> Markup:
    # Finished HTML stays as it is; anything else is escaped here.
    return Markup(" ".join(escape(text).split()))  # noqa: S704


def _moment(value: datetime) -> str:
    return f"{value:%A}, {value.day} {value:%B %Y} at {value:%H:%M %Z}"
