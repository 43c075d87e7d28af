"""Keys are changed while everything runs; a lost or wrong one is said, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select, update

from dcarbon.db import authorizations as stored
from dcarbon.db import platform_secrets, sealing
from dcarbon.db.authorizations import Authorization, AuthorizationSession, Grant
from dcarbon.db.mails import Mail
from dcarbon.db.sealing import KeyRing
from dcarbon.domain.errors import (
    DCarbonError,
    InvalidTransition,
    NotFound,
    SealBroken,
    SettingsInvalid,
)
from dcarbon.domain.secrets import Secret
from dcarbon.providers.green_button.token_response import TokenSet
from dcarbon.services import (
    authorizations,
    grants,
    key_loss,
    key_rotation,
)
from dcarbon.services.actors import SYSTEM
from dcarbon.services.key_rotation import KeyView
from dcarbon.services.runtime import Runtime, open_runtime
from tests.integration.services import metering
from tests.integration.services.conftest import (
    MovableClock,
    Settle,
    entries,
    events,
    set_api_token,
)

pytestmark = pytest.mark.database

NEW = KeyRing({"new": bytes([1]) * 32})
WRONG = KeyRing({"new": bytes([2]) * 32})


@dataclass(frozen=True)
class House:
    """One secret of each kind, and a customer whose access is in force."""

    runtime: Runtime
    authorization_id: UUID
    state: str
    old: str

    @property
    def file(self) -> Path:
        file = self.runtime.keys.given.file
        assert file is not None
        return file

    def add_key(self, ring: KeyRing = NEW) -> None:
        sealing.replace(self.file, ring.joined(sealing.load(self.file)))

    def put_alone(self, ring: KeyRing) -> None:
        sealing.replace(self.file, ring)

    @contextmanager
    def process(self, *, needs_keys: bool = True) -> Iterator[Runtime]:
        """Start another process with the same settings."""
        runtime = self.runtime
        with open_runtime(runtime.settings, clock=runtime.clock, needs_keys=needs_keys) as another:
            yield another

    def opens_everything(self, runtime: Runtime) -> bool:
        """Use one secret of each kind; the attempt can be used once."""
        token = grants.access_token(runtime, self.authorization_id)
        ours = platform_secrets.read(
            runtime.sessions, runtime.keys, provider="utilityapi", name="api_token"
        )
        returned = {"state": self.state, "error": "access_denied"}
        back = authorizations.complete_green_button(runtime, parameters=returned, browser=None)
        return (token, ours, back.error and back.error.code) == (
            Secret("access"),
            Secret("platform"),
            "authorization_declined",
        )

    def store(self, runtime: Runtime, access: str) -> None:
        """Store a new grant, as a new consent does."""
        tokens = TokenSet(Secret(access), runtime.now() + timedelta(days=1))
        with runtime.sessions.begin() as session:
            grants.store(session, runtime.keys, self.authorization_id, tokens, now=runtime.now())


@pytest.fixture
def house(runtime: Runtime, settle: Settle) -> House:
    pending, ann = settle("pending"), settle("ann")
    started = authorizations.start_green_button(
        runtime,
        facility_id=pending.facility.id,
        provider="sdge",
        actor=pending.actor,
        browser=None,
    )
    state = started.redirect_url.partition("state=")[2].partition("&")[0]
    identity = metering.authorization(runtime, ann.facility.id, provider="sdge")
    set_api_token(runtime, "platform")
    made = House(runtime, identity, state, runtime.keys.current_id)
    made.store(runtime, "access")
    return made


def _views(runtime: Runtime) -> dict[str, KeyView]:
    return {view.key_id: view for view in key_rotation.listed(runtime)}


def _is_one_of_each(counts: object) -> bool:
    return counts == {"grants": 1, "attempts": 1, "platform_secrets": 1}


def test_everything_is_sealed_anew_while_other_processes_use_and_seal(house: House) -> None:
    house.add_key()
    slept: list[float] = []

    def meanwhile(seconds: float) -> None:
        # A process started before goes on: it opens what is new, and seals with what it knows.
        slept.append(seconds)
        assert grants.access_token(house.runtime, house.authorization_id) == Secret("access")
        house.store(house.runtime, "access-of-meanwhile")

    assert house.runtime.keys.current_id == house.old
    with house.process() as rotating:
        assert rotating.keys.current_id == house.old
        done = key_rotation.rotate(rotating, actor=SYSTEM, sleep=meanwhile)
        views = _views(rotating)

    assert (done.key_id, done.is_new, done.is_whole) == ("new", True, True)
    assert done.resealed == {"grants": 2, "attempts": 1, "platform_secrets": 1}
    assert slept == [31.0]
    assert (views["new"].is_in_force, views[house.old].seals) == (True, {})
    house.put_alone(NEW)
    with house.process() as later:
        token = grants.access_token(later, house.authorization_id)
    assert token == Secret("access-of-meanwhile")


def test_each_batch_is_in_the_audit_log_with_its_count_and_no_key(house: House) -> None:
    house.add_key()
    with house.process() as rotating:
        key_rotation.rotate(rotating, actor=SYSTEM, sleep=lambda _seconds: None)

    told = [(entry.event, entry.details) for entry in entries(house.runtime)][-4:]

    assert told == [
        ("sealing_key_changed", {"key": "new", "before": house.old}),
        *(
            ("secrets_resealed", {"key": "new", "column": name, "count": 1})
            for name in ("grants", "attempts", "platform_secrets")
        ),
    ]


def test_an_interrupted_rotation_goes_on_where_it_was(house: House, clock: MovableClock) -> None:
    house.add_key()

    def killed(done: int, of: int) -> None:
        assert (done, of) == (1, 3)
        raise KeyboardInterrupt

    with house.process() as rotating, pytest.raises(KeyboardInterrupt):
        key_rotation.rotate(rotating, actor=SYSTEM, progress=killed)
    clock.advance(timedelta(minutes=1))
    with house.process() as again:
        before = events(again)
        halfway = _views(again)[house.old].seals
        done = key_rotation.rotate(again, actor=SYSTEM)

        assert halfway == {"attempts": 1, "platform_secrets": 1}
        assert (done.is_new, done.is_whole) == (False, True)
        assert events(again)[len(before) :] == ["secrets_resealed"] * 2
        assert key_rotation.rotate(again, actor=SYSTEM).resealed == dict.fromkeys(done.resealed, 0)
        assert house.opens_everything(again)


def test_settings_from_before_a_change_do_not_bring_the_old_key_back(
    house: House, clock: MovableClock
) -> None:
    house.add_key()
    with house.process() as rotating:
        key_rotation.rotate(rotating, actor=SYSTEM, sleep=lambda _seconds: None)
    house.put_alone(sealing.load(house.file).sealing_with(house.old))
    clock.advance(timedelta(minutes=1))

    with house.process() as stale:
        assert stale.keys.current_id == "new"
        assert key_rotation.rotate(stale, actor=SYSTEM).key_id == "new"


def test_another_change_under_way_stops_the_first_and_loses_nothing(house: House) -> None:
    house.add_key()
    newer = KeyRing({"newer": bytes([3]) * 32})

    def overtaken(done: int, _of: int) -> None:
        if done == 1 and "newer" not in sealing.load(house.file).ids:
            house.add_key(newer)
            with house.process() as another:
                key_rotation.rotate(another, actor=SYSTEM, sleep=lambda _seconds: None)

    with house.process() as rotating, pytest.raises(InvalidTransition) as stopped:
        key_rotation.rotate(rotating, actor=SYSTEM, progress=overtaken)

    assert stopped.value.code == "keys_changed_meanwhile"
    with house.process() as later:
        assert _is_one_of_each(_views(later)["newer"].seals)
        assert house.opens_everything(later)


def test_rows_that_others_hold_are_passed_over_and_taken_afterwards(house: House) -> None:
    house.add_key()
    slept: list[float] = []
    holding = house.runtime.sessions()
    holding.scalars(select(Grant).with_for_update()).all()

    def until_let_go(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            holding.rollback()

    with house.process() as rotating:
        done = key_rotation.rotate(rotating, actor=SYSTEM, sleep=until_let_go)

    assert (done.is_whole, done.resealed["grants"], slept) == (True, 1, [31.0, 0.25])


def test_what_is_damaged_stays_as_it_is_and_is_named(house: House) -> None:
    house.store(house.runtime, "newest")  # the grant before it is wanted by nobody any more
    with house.runtime.sessions.begin() as session:
        session.execute(update(Grant).values(sealed=b"\x01\x09damaged\\\x00\xff"))
        current = stored.current_grant(session, house.authorization_id)
        assert current is not None
    house.add_key()

    with house.process() as rotating:
        done = key_rotation.rotate(rotating, actor=SYSTEM, sleep=lambda _seconds: None)

    assert (done.is_whole, done.unopened["grants"], done.dead) == (False, [current.id], 1)
    assert done.resealed == {"grants": 0, "attempts": 1, "platform_secrets": 1}
    with house.runtime.sessions() as session:
        assert set(session.scalars(select(Grant.sealed))) == {b"\x01\x09damaged\\\x00\xff"}


def test_without_its_key_nothing_starts_and_with_it_everything_is_there(house: House) -> None:
    kept = sealing.load(house.file)
    house.put_alone(NEW)

    with pytest.raises(SettingsInvalid) as refused, house.process():
        pass

    assert refused.value.code == "seal_key_missing"
    assert house.old in refused.value.display_message
    assert "1 grant, 1 attempt, 1 platform secret" in refused.value.display_message
    assert str(house.file) in refused.value.display_message
    house.put_alone(kept)
    with house.process() as restored:
        assert list(_views(restored)) == [house.old]
        assert house.opens_everything(restored)


def test_a_wrong_key_of_the_right_id_does_not_start_and_seals_nothing(house: House) -> None:
    house.add_key()
    with house.process() as rotating:
        key_rotation.rotate(rotating, actor=SYSTEM, sleep=lambda _seconds: None)
    house.put_alone(WRONG)

    with pytest.raises(SettingsInvalid) as refused, house.process():
        pass

    assert refused.value.code == "seal_key_wrong"
    with house.process(needs_keys=False) as mending:
        assert _views(mending)["new"].is_lost
        with pytest.raises(SettingsInvalid):
            key_loss.give_up(mending, "new", actor=SYSTEM)
    house.put_alone(NEW)
    with house.process() as restored:
        assert house.opens_everything(restored)


def test_a_secret_whose_key_is_gone_is_said_when_it_is_used_and_stays(house: House) -> None:
    lost = KeyRing({"lost": bytes([7]) * 32})
    tokens = b'{"access_token": "access", "refresh_token": null, "scope": null}'
    with house.runtime.sessions.begin() as session:
        sealed = lost.seal(tokens, bound_to=house.authorization_id)
        session.execute(update(Grant).values(sealed=sealed))

    with pytest.raises(SealBroken) as broken:
        grants.access_token(house.runtime, house.authorization_id)

    assert broken.value.code == "seal_key_missing"
    with house.runtime.sessions() as session:
        assert session.get_one(Authorization, house.authorization_id).status == "authorized"
    house.add_key(lost)
    assert grants.access_token(house.runtime, house.authorization_id) == Secret("access")


def test_a_key_given_up_asks_the_customers_anew_and_keeps_the_rest(house: House) -> None:
    house.put_alone(NEW)

    with house.process(needs_keys=False) as mending:
        assert _views(mending)[house.old].is_lost
        ended = key_loss.give_up(mending, house.old, actor=SYSTEM)

    assert _is_one_of_each(ended)
    with house.process() as started:
        assert started.keys.current_id == "new"
        assert not any(view.is_lost for view in _views(started).values())
        with started.sessions() as session:
            row = session.get_one(Authorization, house.authorization_id)
            mail = session.scalars(select(Mail).where(Mail.kind == "reauthorization_needed")).one()
            grant = session.scalars(select(Grant)).one()
            attempt = session.scalars(select(AuthorizationSession)).one()
        house.store(started, "access-anew")
        assert grants.access_token(started, house.authorization_id) == Secret("access-anew")
    assert (row.status, row.reason_code) == ("expired", "seal_key_lost")
    assert mail.to_address == "ann@example.test"
    assert (grant.end_reason, bool(grant.sealed)) == ("key_lost", True)
    assert attempt.code_verifier_sealed is None
    assert events(house.runtime)[-2:] == ["authorization_expired", "sealing_key_given_up"]


@pytest.mark.parametrize(
    ("named", "kind", "code"),
    [(None, InvalidTransition, "seal_key_here"), ("unheard", NotFound, "no_such_key")],
)
def test_only_a_lost_key_can_be_given_up(
    house: House, named: str | None, kind: type[DCarbonError], code: str
) -> None:
    with pytest.raises(kind) as refused:
        key_loss.give_up(house.runtime, named or house.old, actor=SYSTEM)

    assert refused.value.code == code
    assert events(house.runtime)[-1] != "sealing_key_given_up"
