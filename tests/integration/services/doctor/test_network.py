"""What the doctor says of mail, utilities and addresses: asked over real sockets on loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dcarbon import settings
from dcarbon.domain.system_words import State
from dcarbon.services.doctor import network
from dcarbon.services.system_checks import Finding
from dcarbon.settings import Settings
from dcarbon_sandbox.product_settings import product_settings
from dcarbon_sandbox.server import Ports, Running, running

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("sandbox"), ports=Ports(0, 0, 0)) as served:
        yield served


def said(found: Iterable[Finding]) -> dict[str, Finding]:
    findings = list(found)
    assert not any("{" in finding.text.message for finding in findings)
    return {finding.code: finding for finding in findings}


def chosen(sandbox: Running, **changes: str) -> Settings:
    return settings.load({**product_settings(sandbox.endpoints), **changes})


@contextmanager
def answering(said: bytes) -> Iterator[int]:
    """Say one thing to whoever comes, and nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = int(listening.getsockname()[1])

        def greet() -> None:
            caller, _ = listening.accept()
            with caller:
                caller.recv(1 << 12) if said.startswith(b"HTTP") else None
                caller.sendall(said)
                while caller.recv(1 << 12):
                    caller.sendall(b"250 small.example.test\r\n")

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        yield port
        thread.join()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def test_a_mail_server_with_starttls_is_good(sandbox: Running) -> None:
    found = said(network.of_mail(chosen(sandbox)))

    assert list(found) == ["mail_server_good"]
    assert "no login is set" in found["mail_server_good"].text.message


def test_it_is_said_why_a_mail_server_cannot_be_used(sandbox: Running, tmp_path: Path) -> None:
    distrusted = chosen(sandbox).model_copy(update={"mail_ca_file": None})
    early = chosen(sandbox, DCARBON_MAIL_SECURITY="tls")
    silent = chosen(sandbox, DCARBON_MAIL_PORT=str(closed_port()))
    with answering(b"220 small.example.test\r\n") as port:
        (plain,) = network.of_mail(chosen(sandbox, DCARBON_MAIL_PORT=str(port)))

    whys = [next(iter(network.of_mail(each))).text.message for each in (distrusted, early, silent)]

    assert "its certificate is not trusted" in whys[0]
    assert "it does not speak TLS from the first byte" in whys[1]
    assert "nothing listens there" in whys[2]
    assert "does not offer STARTTLS" in plain.text.message
    assert plain.state is State.WRONG


def test_utilities_that_answer_are_good_and_their_clocks_agree(sandbox: Running) -> None:
    findings = list(network.of_utilities(chosen(sandbox)))

    codes = [finding.code for finding in findings]
    assert codes == ["provider_reached"] * 4 + ["clock_utilities"]
    assert all(finding.text.message for finding in findings)


def test_a_utility_that_cannot_be_reached_or_trusted_is_named(sandbox: Running) -> None:
    given = {
        "DCARBON_PROVIDERS__SCE__CLIENT_ID": "client",
        "DCARBON_PROVIDERS__UTILITYAPI__API_TOKEN": "hidden",
        "DCARBON_PROVIDERS__UTILITYAPI__BASE_URL": sandbox.endpoints.https,
    }

    findings = list(network.of_utilities(settings.load(given)))

    unreached = [finding for finding in findings if finding.code == "provider_unreached"]
    assert "sce.invalid: its name is not known here" in unreached[0].text.message
    assert "no connection over TLS that can be trusted" in unreached[1].text.message
    assert {finding.state for finding in unreached} == {State.WRONG}
    guess = next(finding for finding in findings if finding.code == "profile_unconfirmed")
    assert "OVERRIDES__AUTHORIZE_URL" in guess.text.what_to_do
    assert "hidden" not in " ".join(finding.text.message for finding in findings)


def test_a_clock_is_off_by_what_the_way_does_not_explain() -> None:
    took = timedelta(seconds=4)
    apart = [
        network.clocks_apart(stated, NOW, took)
        for stated in (
            "Fri, 20 Mar 2026 12:00:02 GMT",  # within the time of asking
            "Fri, 20 Mar 2026 11:59:59 GMT",  # whole seconds
            "Fri, 20 Mar 2026 12:01:00 GMT",
            "Fri, 20 Mar 2026 11:50:00 GMT",
            "noon",
            None,
        )
    ]

    seconds = [each.total_seconds() if each is not None else None for each in apart]
    assert seconds == [0, 0, 56, 599, None, None]


def test_without_a_utility_nobody_can_authorize() -> None:
    (found,) = network.of_utilities(settings.load({}))

    assert (found.code, found.state) == ("providers_none", State.WATCH)


def test_a_public_address_with_a_certificate_that_nobody_trusts_is_wrong(sandbox: Running) -> None:
    (found,) = network.of_address(
        settings.load({"DCARBON_PUBLIC_URL": sandbox.endpoints.https}), now=NOW
    )

    assert (found.code, found.state) == ("address_silent", State.WRONG)
    assert "its certificate is refused" in found.text.message


def test_somebody_else_at_the_public_address_is_said(sandbox: Running) -> None:
    (other,) = network.of_address(
        settings.load({"DCARBON_PUBLIC_URL": sandbox.endpoints.http}), now=NOW
    )
    (silent,) = network.of_address(
        settings.load({"DCARBON_PUBLIC_URL": f"http://127.0.0.1:{closed_port()}"}), now=NOW
    )

    assert (other.code, other.state) == ("address_other", State.WRONG)
    assert "status 403" in other.text.message
    assert (silent.code, silent.state) == ("address_silent", State.WATCH)


def test_dagster_s_home_and_storage_are_looked_at(tmp_path: Path) -> None:
    away = settings.load({"DCARBON_DAGSTER_PORT": str(closed_port())})
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("storage: {}\n")
    bare = "postgresql://u:hidden@127.0.0.1/dagster"
    cases = {
        "dagster_home": {"DAGSTER_HOME": str(tmp_path)},
        "dagster_storage": {"DAGSTER_HOME": str(home), "DAGSTER_PG_URL": bare},
    }

    for code, environ in cases.items():
        found = said(network.of_dagster(away, environ))
        assert set(found) == {code, "dagster_silent"}
        assert "hidden" not in found[code].text.message
    right = {"DAGSTER_HOME": str(home), "DAGSTER_PG_URL": bare.replace("://", "+psycopg2://")}
    assert set(said(network.of_dagster(away, right))) == {"dagster_silent"}
