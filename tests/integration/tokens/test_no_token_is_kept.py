"""Story 5.3 and 6.1: no token of a utility is ever written down readable, anywhere.

Everything that happens to an authorization happens here once, for real; then every place that
something can be written to is searched for every secret that went over the wire.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import dagster as dg
import pytest
import structlog
from sqlalchemy import make_url, select, text

from dcarbon.db import sealing
from dcarbon.db.authorizations import Authorization
from dcarbon.db.sealing import KeyRing
from dcarbon.domain.errors import InvalidInput
from dcarbon.domain.secrets import Secret
from dcarbon.services import key_rotation, platform_tokens, revocation
from dcarbon.services.actors import Actor
from dcarbon.services.runtime import Runtime, open_runtime
from dcarbon_api.app import create_app
from dcarbon_sandbox.clock import SandboxClock
from dcarbon_sandbox.green_button.profiles import PROFILES
from dcarbon_sandbox.server import Running
from tests.integration.tokens import searching
from tests.integration.tokens.conftest import set_platform_token
from tests.integration.tokens.journey import Journey
from tests.integration.tokens.searching import Place
from tests.integration.tokens.witness import Witness

pytestmark = [pytest.mark.database, pytest.mark.dagster]

ADMIN = Actor(None, is_admin=True)
TOKEN = {"path_prefix": PROFILES["sdge"].token_path}
NEW_PLATFORM_TOKEN = "a-platform-token-of-later-in-this-test"
KINDS = {
    "access_token",
    "api_token",
    "basic",
    "bearer",
    "client_secret",
    "code",
    "refresh_token",
    "state",
}


@pytest.fixture
def journey(
    runtime: Runtime,
    sandbox: Running,
    clock: SandboxClock,
    instance: dg.DagsterInstance,
    logged: io.StringIO,
) -> Journey:
    assert logged is not None
    return Journey(create_app(runtime), runtime, sandbox, clock, instance)


def test_no_secret_that_went_over_the_wire_is_found_anywhere(
    journey: Journey,
    witness: Witness,
    sandbox: Running,
    logged: io.StringIO,
) -> None:
    houses = [journey.house(name) for name in ("A", "B", "C")]
    _register(journey, *houses)
    _collect_refresh_and_rotate(journey, *houses)
    _fail(journey, witness, *houses)
    _change_keys(journey, sandbox, *houses)
    _end(journey)
    journey.send_mails()
    seen = journey.look_everywhere()

    still_valid = set(sandbox.sandbox.state.section("green_button")["tokens"])
    assert still_valid <= witness.seen.keys(), "the witness has seen every token that was given"
    assert set(witness.seen.values()) >= KINDS
    assert seen > 100
    assert all(journey.runs)
    assert '"provider_request"' in logged.getvalue()
    assert searching.found(witness.seen, _places(journey, logged)) == set()

    planted = _planted(journey, logged)
    where = {
        place.partition(": ")[0] for _, place in searching.found(planted, _places(journey, logged))
    }
    assert where == {"database", "dagster", "files", "landing", "logs", "mails", "page"}


def _places(journey: Journey, logged: io.StringIO) -> Iterator[Place]:
    """Yield all that the product has written anywhere."""
    runtime, home = journey.runtime, journey.runtime.settings.directory
    yield from searching.database(_url(runtime), "database")
    yield from searching.database(_dagster_url(journey.instance, runtime), "dagster")
    yield from searching.directory(home, "files", without=[home / "sandbox", home / "seal.keys"])
    yield from searching.directory(Path(journey.instance.root_directory), "dagster home")
    yield from _landed(home / "landing", runtime)
    yield "logs", logged.getvalue().encode()
    for mail in journey.sandbox.sandbox.mails.all():
        yield "mails", repr(mail).encode()
    yield from journey.pages


def _register(journey: Journey, house: UUID, failing: UUID, elsewhere: UUID) -> None:
    """Three houses are registered, one of them after everything that can go wrong has."""
    pge = {"go": "green_button", "provider": "pge"}
    sdge = {"go": "green_button", "provider": "sdge"}
    back = journey.visit(journey.leave(house, **pge))
    journey.come_back(back)
    journey.come_back(back)  # used
    journey.come_back(back.replace("state=", "state=x"))  # unknown
    for kind in ("error", "malformed", "cut", "unauthorized"):
        journey.fault(kind, **TOKEN)
        journey.come_back(journey.visit(journey.leave(failing, **sdge)))
    journey.come_back(journey.visit(journey.leave(failing, **sdge), press="deny"))
    journey.come_back(journey.visit(journey.leave(failing, **sdge)))
    utilityapi = {"go": "utilityapi", "utility": "LADWP"}
    journey.come_back(journey.visit(journey.leave(elsewhere, **utilityapi), login="hourly"))
    journey.clock.advance(timedelta(minutes=10))


def _collect_refresh_and_rotate(
    journey: Journey, _house: UUID, failing: UUID, _elsewhere: UUID
) -> None:
    for _ in range(3):
        journey.collect()
        journey.clock.advance(timedelta(minutes=15))
    assert len(_statuses(journey, "authorized")) == 3
    journey.fault("malformed", **TOKEN)
    journey.sync(failing)  # access tokens have ended by then: they are refreshed
    journey.clock.advance(timedelta(days=1))
    journey.run("rotate_grants")


def _fail(journey: Journey, witness: Witness, house: UUID, failing: UUID, elsewhere: UUID) -> None:
    """A utility is down, throws tokens back at us, and at last takes none of them any more."""
    token = next(secret for secret, kind in witness.seen.items() if kind == "access_token")
    for status in (401, 403, 500):
        echo = {"status": status, "body": f"not for {token}"}
        journey.fault("status", path_prefix=PROFILES["pge"].base_path, parameters=echo)
        journey.fault("status", **TOKEN, parameters=echo)
    journey.fault("unauthorized", provider="utilityapi", times=None)
    journey.sync(house, failing, elsewhere)
    journey.sync(house)
    journey.sandbox.sandbox.faults.clear()
    journey.fault("expired_refresh", provider="sdge", times=4)
    journey.sync(failing)
    journey.sandbox.sandbox.faults.clear()
    journey.clock.advance(timedelta(hours=3))


def _change_keys(
    journey: Journey, sandbox: Running, house: UUID, _failing: UUID, elsewhere: UUID
) -> None:
    """The platform's token and our sealing key are changed, the first not at once."""
    runtime = journey.runtime
    with pytest.raises(InvalidInput):
        platform_tokens.rotate(runtime, "utilityapi", Secret(NEW_PLATFORM_TOKEN), actor=ADMIN)
    set_platform_token(sandbox, NEW_PLATFORM_TOKEN)
    platform_tokens.rotate(runtime, "utilityapi", Secret(NEW_PLATFORM_TOKEN), actor=ADMIN)
    file = runtime.keys.given.file
    assert file is not None
    sealing.replace(file, KeyRing.generate().joined(sealing.load(file)))
    with open_runtime(runtime.settings, clock=runtime.clock) as rotating:
        done = key_rotation.rotate(rotating, actor=ADMIN, sleep=lambda _seconds: None)
    assert done.is_whole
    journey.sync(house, elsewhere)


def _end(journey: Journey) -> None:
    for identity in _statuses(journey, "authorized"):
        revocation.revoke(journey.runtime, identity, actor=ADMIN, reason="The contract has ended.")
    journey.fault("unavailable", provider="green_button")
    for _ in range(2):
        journey.run("end_authorizations")
        journey.clock.advance(timedelta(hours=1))


def _statuses(journey: Journey, status: str) -> list[UUID]:
    with journey.runtime.sessions() as session:
        return list(session.scalars(select(Authorization.id).where(Authorization.status == status)))


def _url(runtime: Runtime) -> str:
    url = runtime.settings.database_url
    assert url is not None
    return url.get_secret_value()


def _dagster_url(instance: dg.DagsterInstance, runtime: Runtime) -> str:
    stored = instance.event_log_storage
    name = make_url(str(getattr(stored, "postgres_url"))).database  # noqa: B009 — of the subclass
    return make_url(_url(runtime)).set(database=name).render_as_string(hide_password=False)


def _landed(root: Path, runtime: Runtime) -> Iterator[Place]:
    for file in root.rglob("*.zst"):
        yield f"landing: {file.name}", runtime.landing.get(bytes.fromhex(file.stem[-64:]))


def _planted(journey: Journey, logged: io.StringIO) -> Mapping[str, str]:
    """Write a made-up token down everywhere, as a mistake would, each time in another form."""
    token = "a-made-up-token-that-no-utility-gave"
    runtime = journey.runtime
    basic = base64.b64encode(f"client:{token}".encode())
    runtime.landing.put(b"<feed>" + token.encode().hex().encode())
    (runtime.settings.directory / "notes.txt").write_bytes(basic)
    structlog.get_logger("dcarbon.planted").warning("planted", header=f"Bearer {token}")
    assert token in logged.getvalue()
    with runtime.sessions.begin() as session:
        session.execute(text("update grants set sealed = :token"), {"token": token.encode()})
    journey.instance.report_runless_asset_event(
        dg.AssetMaterialization("planted", metadata={"answer": f"token {token[:20]} was refused"})
    )
    journey.sandbox.sandbox.mails.add("a@example.test", ["b@example.test"], _mail_of(token))
    journey.pages.append(("page: /planted", f"<p>{token[5:]}</p>".encode()))
    return {token: "planted"}


def _mail_of(token: str) -> bytes:
    return f"Subject: Your key\r\n\r\nIt is {token}.\r\n".encode()
