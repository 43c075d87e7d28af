"""``dcarbon mailer``: sends what the outbox holds, until it is told to stop."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import suppress

import click
import structlog
from sqlalchemy.exc import OperationalError

from dcarbon import logs, settings
from dcarbon.cli import examples
from dcarbon.db import heartbeats
from dcarbon.services import mails, signs_of_life
from dcarbon.services.mails import SendOutcome
from dcarbon.services.runtime import Runtime, open_runtime

POLL_S = 1.5
LONGEST_PAUSE_S = 60.0
"""Between two looks while the mail server or the database does not answer."""
_SIGN_OF_LIFE_S = signs_of_life.EVERY.total_seconds()

log = structlog.get_logger(__name__)


@click.command("mailer", epilog=examples.of("dcarbon mailer", "dcarbon mailer --once"))
@click.option("--once", is_flag=True, help="Send what is due and stop.")
def command(*, once: bool) -> None:
    """Send the mails that wait to be sent, until Ctrl-C.

    They go by the SMTP server of DCARBON_MAIL_HOST, over TLS only; dcarbon up runs this by itself.
    Several may run at once.
    """
    chosen = settings.load()
    logs.configure(chosen.log_level)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    with open_runtime(chosen) as runtime:
        if runtime.settings.mail_host is None:
            log.warning("no_mail_server_set", setting="DCARBON_MAIL_HOST", mails="stay_in_outbox")
        if once:
            _say(mails.send_due(runtime))
            return
        log.info("mailer_started", server=runtime.settings.mail_host)
        run(runtime, stop)
        log.info("mailer_stopped")


def run(runtime: Runtime, stop: threading.Event) -> None:
    """Look for due mails until told to stop; pause longer while somebody does not answer."""
    pause, told_at = POLL_S, float("-inf")
    while not stop.is_set():
        outcome = _round(runtime)
        if outcome is not None and time.monotonic() - told_at >= _SIGN_OF_LIFE_S:
            told_at = time.monotonic()
            _give_sign_of_life(runtime)
        is_well = outcome is not None and outcome.is_reachable
        pause = POLL_S if is_well else min(pause * 2, LONGEST_PAUSE_S)
        if outcome is None or not outcome.sent:
            stop.wait(pause)


def _round(runtime: Runtime) -> SendOutcome | None:
    try:
        # A few at a time: told to stop, the mailer stops soon.
        return mails.send_due(runtime, limit=10)
    except OperationalError as error:  # the database restarts: no reason to end
        log.warning("database_unreachable", error=type(error).__name__)
        return None


def _give_sign_of_life(runtime: Runtime) -> None:
    with suppress(OperationalError):
        signs_of_life.give(runtime, heartbeats.MAILER)


def _say(outcome: SendOutcome) -> None:
    click.echo(
        f"Sent {outcome.sent}, put off {outcome.postponed}, given up {outcome.given_up}, "
        f"waiting {outcome.waiting}."
    )
