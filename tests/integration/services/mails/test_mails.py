"""The outbox: what is queued arrives once, late if need be, and leaves no link behind."""

from __future__ import annotations

import socket
import threading
from datetime import timedelta
from typing import Any

import structlog

from dcarbon.cli import mailer
from dcarbon.db.mails import Mail
from dcarbon.services import mails, tidying
from dcarbon.services.runtime import Runtime
from dcarbon_sandbox.authority import Authority
from tests.integration.conftest import NOW
from tests.integration.services.mails.parts import (
    DONE,
    LINK,
    TO,
    Clock,
    Postmaster,
    queued,
    row_of,
    serving,
    together,
    with_settings,
)


def test_a_queued_mail_arrives_with_text_and_html(runtime: Runtime, postmaster: Postmaster) -> None:
    mail_id = queued(runtime)

    outcome = mails.send_due(runtime)

    (arrived,) = postmaster.all()
    assert (outcome.sent, outcome.waiting) == (1, 0)
    assert (arrived.sender, arrived.to) == ("mail@dcarbon.example", [TO])
    assert arrived.subject == "Dach Übersee is authorized with PG&E"
    assert "may collect the meter readings of Dach Übersee" in " ".join(arrived.text.split())
    assert "<h1" in arrived.html
    assert row_of(runtime, mail_id).sent_at == NOW


def test_mails_are_forgotten_a_year_after_they_were_sent(
    runtime: Runtime, postmaster: Postmaster, clock: Clock
) -> None:
    sent = queued(runtime)
    mails.send_due(runtime)
    clock.now += mails.KEPT_FOR
    waiting = queued(runtime)

    kept = tidying.prune(runtime)["mails"]
    clock.now += timedelta(seconds=1)
    gone = tidying.prune(runtime)["mails"]

    assert (kept, gone) == (0, 1)
    with runtime.sessions() as session:
        assert session.get(Mail, sent) is None
        assert session.get(Mail, waiting) is not None


def test_a_mail_of_a_change_that_was_rolled_back_does_not_exist(
    runtime: Runtime, postmaster: Postmaster
) -> None:
    with runtime.sessions() as session:
        mails.queue(session, to=TO, kind="authorization_done", context=DONE, now=NOW)
        session.flush()
        session.rollback()

    mails.send_due(runtime)

    assert postmaster.all() == []


def test_a_sent_mail_is_not_sent_again(runtime: Runtime, postmaster: Postmaster) -> None:
    queued(runtime)

    mails.send_due(runtime)
    again = mails.send_due(runtime)

    assert again == mails.SendOutcome()
    assert len(postmaster.all()) == 1


def test_two_senders_at_once_send_every_mail_once(runtime: Runtime, postmaster: Postmaster) -> None:
    wanted = {f"reader{number}@example.test" for number in range(20)}
    for address in wanted:
        queued(runtime, to=address)
    outcomes: list[mails.SendOutcome] = []

    def send() -> None:
        outcomes.append(mails.send_due(runtime))

    together(send, send, send)

    assert sum(outcome.sent for outcome in outcomes) == 20
    assert sorted(address for mail in postmaster.all() for address in mail.to) == sorted(wanted)


def test_a_mail_a_crashed_sender_had_claimed_goes_out_later(
    runtime: Runtime, postmaster: Postmaster, clock: Clock
) -> None:
    queued(runtime)
    assert mails._claim(runtime) is not None

    meanwhile = mails.send_due(runtime)
    clock.now += mails.CLAIM
    later = mails.send_due(runtime)

    assert (meanwhile.sent, meanwhile.waiting, later.sent) == (0, 1, 1)
    assert len(postmaster.all()) == 1


def test_an_outage_puts_mails_off_and_they_arrive_once_it_is_over(
    runtime: Runtime, postmaster: Postmaster, clock: Clock, authority: Authority
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead = int(closed.getsockname()[1])
    away = with_settings(runtime, mail_port=dead)
    mail_id = queued(runtime)

    during = mails.send_due(away)
    put_off = row_of(runtime, mail_id)
    clock.now = put_off.not_before
    with serving(postmaster, authority, dead):
        after = mails.send_due(away)

    assert (during.postponed, during.is_reachable, after.sent) == (1, False, 1)
    assert NOW < put_off.not_before <= NOW + mails.FIRST_WAIT
    assert put_off.last_error == "ConnectionRefusedError"
    assert len(postmaster.all()) == 1


def test_an_outage_ends_the_round_instead_of_trying_every_mail(runtime: Runtime) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead = int(closed.getsockname()[1])
    for number in range(3):
        queued(runtime, to=f"reader{number}@example.test")

    outcome = mails.send_due(with_settings(runtime, mail_port=dead))

    assert (outcome.postponed, outcome.waiting) == (1, 3)


def test_waits_grow_while_a_mail_cannot_be_sent(
    runtime: Runtime, postmaster: Postmaster, clock: Clock
) -> None:
    postmaster.answer = "451 greylisted, try later"
    mail_id = queued(runtime)
    waits = []

    for _ in range(10):
        mails.send_due(runtime)
        until = row_of(runtime, mail_id).not_before
        waits.append(until - clock.now)
        clock.now = until

    assert waits[0] <= mails.FIRST_WAIT
    assert waits[-1] >= mails.LONGEST_WAIT / 2
    assert max(waits) <= mails.LONGEST_WAIT
    assert row_of(runtime, mail_id).attempts == 10


def test_one_mail_put_off_by_the_server_does_not_hold_up_the_next(
    runtime: Runtime, postmaster: Postmaster
) -> None:
    postmaster.answer = "451 greylisted, try later"
    queued(runtime)
    queued(runtime, to="ben@example.test")

    outcome = mails.send_due(runtime)

    assert (outcome.postponed, outcome.is_reachable) == (2, True)


def test_a_refused_address_is_given_up_at_once(runtime: Runtime, postmaster: Postmaster) -> None:
    postmaster.answer = f"550 no such user {TO}"
    mail_id = queued(runtime)

    outcome = mails.send_due(runtime)

    row = row_of(runtime, mail_id)
    assert (outcome.given_up, outcome.waiting) == (1, 0)
    assert row.given_up_at == NOW
    assert row.last_error == "SMTPRecipientsRefused 550"


def test_a_mail_nobody_takes_for_days_is_given_up(
    runtime: Runtime, postmaster: Postmaster, clock: Clock
) -> None:
    postmaster.answer = "451 try later"
    mail_id = queued(runtime)
    mails.send_due(runtime)

    clock.now += timedelta(days=3, minutes=1)
    outcome = mails.send_due(runtime)

    assert (outcome.given_up, outcome.waiting) == (1, 0)
    assert row_of(runtime, mail_id).given_up_at == clock.now


def test_a_sign_in_mail_is_not_sent_after_its_link_has_expired(
    runtime: Runtime, postmaster: Postmaster, clock: Clock
) -> None:
    mail_id = queued(runtime, kind="sign_in")

    clock.now += timedelta(minutes=15, seconds=1)
    outcome = mails.send_due(runtime)

    row = row_of(runtime, mail_id)
    assert (outcome.given_up, outcome.sent) == (1, 0)
    assert (row.text_body, row.html_body) == ("", "")
    assert postmaster.all() == []


def test_a_sent_sign_in_mail_leaves_no_link_in_the_database(
    runtime: Runtime, postmaster: Postmaster
) -> None:
    secret, plain = queued(runtime, kind="sign_in"), queued(runtime)

    mails.send_due(runtime)

    row = row_of(runtime, secret)
    assert LINK in postmaster.all()[0].text + postmaster.all()[1].text
    assert (row.text_body, row.html_body) == ("", "")
    assert row_of(runtime, plain).text_body != ""


def test_the_same_news_goes_out_once_within_its_window(
    runtime: Runtime, postmaster: Postmaster, clock: Clock
) -> None:
    news: dict[str, Any] = {
        "kind": "authorization_done",
        "context": DONE,
        "repeat_key": "outage:pge",
        "repeat_within": timedelta(hours=6),
    }

    def tell(to: str) -> bool:
        with runtime.sessions.begin() as session:
            return mails.queue(session, to=to, now=clock.now, **news) is not None

    first, second, somebody_else = tell(TO), tell(TO), tell("ben@example.test")
    mails.send_due(runtime)
    after_sending = tell(TO)
    clock.now += timedelta(hours=6, seconds=1)
    much_later = tell(TO)

    assert (first, second, somebody_else) == (True, False, True)
    assert (after_sending, much_later) == (False, True)


def test_the_same_news_from_two_transactions_at_once_makes_one_mail(runtime: Runtime) -> None:
    barrier = threading.Barrier(4)
    made = []

    def tell() -> None:
        barrier.wait()
        with runtime.sessions.begin() as session:
            made.append(
                mails.queue(
                    session,
                    to=TO,
                    kind="authorization_done",
                    context=DONE,
                    now=NOW,
                    repeat_key="outage:pge",
                )
            )

    together(tell, tell, tell, tell)

    assert sum(mail is not None for mail in made) == 1


def test_without_a_mail_server_mails_wait_in_the_outbox(
    runtime: Runtime, postmaster: Postmaster
) -> None:
    queued(runtime)

    outcome = mails.send_due(with_settings(runtime, mail_host=None))

    assert (outcome.is_set_up, outcome.waiting, outcome.sent) == (False, 1, 0)
    assert postmaster.all() == []


def test_neither_addresses_nor_words_are_logged(runtime: Runtime, postmaster: Postmaster) -> None:
    queued(runtime, kind="sign_in")
    queued(runtime)

    with structlog.testing.capture_logs() as lines:
        mails.send_due(runtime)
        postmaster.answer = f"550 no such user {TO}"
        queued(runtime)
        mails.send_due(runtime)

    assert [line["event"] for line in lines] == ["mail_sent", "mail_sent", "mail_given_up"]
    assert TO not in str(lines)
    assert LINK not in str(lines)


def test_the_mailer_sends_until_it_is_told_to_stop(
    runtime: Runtime, postmaster: Postmaster
) -> None:
    stop = threading.Event()
    running = threading.Thread(target=mailer.run, args=(runtime, stop))
    running.start()
    try:
        queued(runtime)
        was_sent = postmaster.got_one.wait(10)
    finally:
        stop.set()
        running.join(10)

    assert was_sent
    assert not running.is_alive()
