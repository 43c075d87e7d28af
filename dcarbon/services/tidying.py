"""Rows that have served and are deleted or closed after a while. Readings, payloads and audit
entries never are.
"""

from __future__ import annotations

from collections.abc import Mapping

from dcarbon.services import mails, notifications, retrying, sign_in, web_sessions, work
from dcarbon.services.runtime import Runtime


def prune(runtime: Runtime) -> Mapping[str, int]:
    """Delete or close what has served, each kind in a transaction; return how many of each."""
    now = runtime.now()
    counts = {"unanswered_attempts": retrying.sweep_unanswered(runtime)}
    prunes = {
        "provider_events": notifications.prune,
        "sign_in_links": sign_in.prune,
        "web_sessions": web_sessions.prune,
        "abandoned_attempts": work.close_all_abandoned,
        "mails": mails.prune,
    }
    for name, forget in prunes.items():
        with runtime.sessions.begin() as session:
            counts[name] = forget(session, now)
    return counts
