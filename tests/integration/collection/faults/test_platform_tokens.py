"""The platform's own token: proven before it is in force, and taken up without a restart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from dcarbon.cli import dcarbon
from dcarbon.db.provider_states import PlatformSecret
from dcarbon.domain.errors import ClientCredentialsRejected, InvalidInput, NotFound
from dcarbon.domain.secrets import Secret
from dcarbon.services import administrators, authorizations, people, platform_tokens
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.runtime import Runtime
from dcarbon_sandbox.clock import SandboxClock
from dcarbon_sandbox.utilityapi.settings import DEFAULT_TOKEN
from tests.integration.collection.faults.conftest import Consented, Control, reopened
from tests.integration.collection.faults.rotating import audited

pytestmark = pytest.mark.database

Make = Callable[..., Consented]
NEW = "a-newer-token"


@pytest.fixture(autouse=True)
def _as_it_was(control: Control) -> Iterator[None]:
    yield
    control.utilityapi(token=DEFAULT_TOKEN)


@pytest.fixture
def admin(runtime: Runtime) -> Actor:
    now = runtime.now()
    people.make_admin(runtime.sessions, email="admin@example.test", actor=SYSTEM, now=now)
    return administrators.by_email(runtime, "admin@example.test")


@pytest.fixture
def other_process(
    environment: dict[str, str], database_url: str, tmp_path: Path, clock: SandboxClock
) -> Iterator[Runtime]:
    with reopened(environment, database_url, tmp_path, clock) as runtime:
        yield runtime


@pytest.fixture
def command(
    environment: dict[str, str], database_url: str, tmp_path: Path, control: Control
) -> Callable[[str], Result]:
    """Give the command a token, where the provider knows a newer one."""
    surroundings = {
        **environment,
        "DCARBON_DIRECTORY": str(tmp_path),
        "DCARBON_DATABASE_URL": database_url,
        "DCARBON_SEAL_KEYS_FILE": str(tmp_path / "seal.keys"),
    }
    words = ["keys", "platform-token", "utilityapi", "--by", "admin@example.test"]
    control.utilityapi(token=NEW)
    return lambda token: CliRunner(env=surroundings).invoke(dcarbon, words, input=f"{token}\n")


def stored(runtime: Runtime) -> list[PlatformSecret]:
    with runtime.sessions() as session:
        return list(session.scalars(select(PlatformSecret).order_by(PlatformSecret.id)))


def test_a_token_the_provider_takes_is_in_force_and_wins_over_settings(
    runtime: Runtime, consented: Make, control: Control, admin: Actor
) -> None:
    house = consented("utilityapi", "hourly", utility="LADWP")
    control.utilityapi(token=NEW)

    platform_tokens.rotate(runtime, "utilityapi", Secret(NEW), actor=admin)

    authorizations.utilityapi_client(runtime).check_token()
    (row,) = stored(runtime)
    assert (row.set_by, row.ended_at) == (admin.person_id, None)
    assert NEW.encode() not in row.sealed
    assert audited(house, "platform_token_rotated") == [
        {"provider": "utilityapi", "age_days": None}
    ]


def test_a_running_process_takes_the_new_token_up_with_the_first_refusal(
    runtime: Runtime,
    control: Control,
    other_process: Runtime,
    admin: Actor,
) -> None:
    client = authorizations.utilityapi_client(other_process)
    client.check_token()
    control.utilityapi(token=NEW)
    with pytest.raises(ClientCredentialsRejected):
        client.check_token()

    platform_tokens.rotate(runtime, "utilityapi", Secret(NEW), actor=admin)

    client.check_token()
    authorizations.utilityapi_client(other_process).check_token()


@pytest.mark.parametrize("wrong", ["nobody-knows-this", "two words", "line\nbreak"])
def test_a_token_that_is_refused_changes_nothing(
    runtime: Runtime, admin: Actor, wrong: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        platform_tokens.rotate(runtime, "utilityapi", Secret(wrong), actor=admin)

    assert caught.value.code == "platform_token_refused"
    assert stored(runtime) == []
    authorizations.utilityapi_client(runtime).check_token()


def test_the_token_before_is_forgotten_and_its_row_stays(
    runtime: Runtime, control: Control, admin: Actor
) -> None:
    for token in (NEW, "a-third-token"):
        control.utilityapi(token=token)
        platform_tokens.rotate(runtime, "utilityapi", Secret(token), actor=admin)

    first, second = stored(runtime)
    assert (first.sealed, first.ended_at, second.ended_at) == (b"", runtime.now(), None)
    with pytest.raises(InvalidInput) as caught:
        platform_tokens.rotate(runtime, "utilityapi", Secret("a-third-token"), actor=admin)
    assert caught.value.code == "platform_token_same"


def test_only_an_administrator_answers_for_it_and_only_at_utilityapi(
    runtime: Runtime, admin: Actor
) -> None:
    people.ensure(
        runtime.sessions,
        email="ann@example.test",
        account_kind="residential",
        actor=SYSTEM,
        now=runtime.now(),
    )

    for email in ("ann@example.test", "nobody@example.test"):
        with pytest.raises(NotFound):
            administrators.by_email(runtime, email)
    with pytest.raises(InvalidInput):
        platform_tokens.rotate(runtime, "pge", Secret(NEW), actor=admin)


@pytest.mark.usefixtures("admin")
@pytest.mark.parametrize(
    ("typed", "said", "kept"),
    [(NEW, "is in force", 1), ("unknown-token", "does not take this token", 0)],
    ids=["good", "wrong"],
)
def test_the_command_reads_the_token_from_standard_input(
    command: Callable[[str], Result], runtime: Runtime, typed: str, said: str, kept: int
) -> None:
    done = command(typed)

    assert said in " ".join(done.output.split())
    assert done.exit_code == 1 - kept
    assert typed not in done.output
    assert len(stored(runtime)) == kept
