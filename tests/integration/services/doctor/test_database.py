"""What the doctor says of a real server: reachable or not, fitting or not, ours to use or not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from dcarbon.db import migrate, payloads, privileges
from dcarbon.db.base import new_id
from dcarbon.db.sealing import KeyRing, replace
from dcarbon.domain.system_words import State
from dcarbon.services.doctor import database, inside
from dcarbon.services.runtime import Runtime
from dcarbon.services.system_checks import Finding
from tests.integration.services.conftest import Settle, set_api_token
from tests.support.databases import address

pytestmark = pytest.mark.database

SETTING = "DCARBON_DATABASE_URL"


def said(found: Iterable[Finding]) -> dict[str, Finding]:
    findings = list(found)
    assert not any("{" in finding.text.message for finding in findings)
    return {finding.code: finding for finding in findings}


def bad(found: Iterable[Finding]) -> dict[str, State]:
    return {c: f.state for c, f in said(found).items() if f.state is not State.GOOD}


def way(url: str) -> Finding:
    (found,) = database.of_way(url, setting=SETTING)
    return found


def test_a_server_that_lets_us_in_is_not_worth_a_word(server_url: str) -> None:
    assert list(database.of_way(server_url, setting=SETTING)) == []


def test_it_is_said_why_a_server_does_not_let_us_in(server_url: str) -> None:
    nobody = way(f"{server_url}{'&' if '?' in server_url else '?'}user=nobody_of_tests")
    nowhere = way(address(server_url, "no_such_database"))
    silent = way("postgresql://u:hidden@127.0.0.1:1/d")
    unknown = way("postgresql://u:hidden@host.invalid/d")
    other = way("mysql://u:hidden@127.0.0.1/d")

    assert "it has no such user" in nobody.text.message or "refuses" in nobody.text.message
    assert "it has no such database" in nowhere.text.message
    assert "createdb" in nowhere.text.what_to_do
    assert "127.0.0.1:1: nothing listens there" in silent.text.message
    assert SETTING in silent.text.what_to_do
    assert "host.invalid:5432: this name is not known here" in unknown.text.message
    assert other.code == "settings_wrong"
    every = (nobody, nowhere, silent, unknown, other)
    assert {finding.state for finding in every} == {State.WRONG}
    assert not any("hidden" in finding.text.message for finding in every)


def test_a_migrated_database_fits_and_needs_no_owner(database_url: str, engine: Engine) -> None:
    with database.opened(privileges.as_app(database_url, engine)) as working:
        found = said(database.of_server(working, embedded=False))

    assert list(found) == ["database_facts"]
    assert "dcarbon_app" in found["database_facts"].text.message
    assert str(migrate.head()) in found["database_facts"].text.message


def test_rights_that_the_role_lacks_are_named(database_url: str, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("revoke update on mails from dcarbon_app"))
        connection.execute(text("revoke all on people from dcarbon_app"))

    with database.opened(privileges.as_app(database_url, engine)) as working:
        found = said(database.of_server(working, embedded=False))

    assert found["database_rights"].state is State.WRONG
    assert "dcarbon_app may not use: mails, people." in found["database_rights"].text.message


@pytest.mark.parametrize(
    ("revision", "own", "embedded"),
    [
        ("0009", {"schema_other": State.WRONG}, {"schema_embedded": State.WATCH}),
        ("9999", {"schema_ahead": State.WRONG}, {"schema_ahead": State.WRONG}),
        (None, {"schema_none": State.WRONG}, {"schema_embedded": State.WATCH}),
    ],
)
def test_the_schema_of_another_version_is_named(
    engine: Engine,
    revision: str | None,
    own: dict[str, State],
    embedded: dict[str, State],
) -> None:
    with engine.begin() as connection:
        connection.execute(text("comment on table alembic_version is null"))
        if revision is None:
            connection.execute(text("delete from alembic_version"))
        else:
            connection.execute(text("update alembic_version set version_num = :r"), {"r": revision})

    assert bad(database.of_server(engine, embedded=False)) == own
    assert bad(database.of_server(engine, embedded=True)) == embedded


def test_a_database_set_to_read_only_is_said(database_url: str, engine: Engine) -> None:
    with engine.begin() as connection:
        name = connection.execute(text("select quote_ident(current_database())")).scalar_one()
        connection.execute(text(f"alter database {name} set default_transaction_read_only = on"))

    with database.opened(database_url) as another:
        found = bad(database.of_server(another, embedded=False))

    with engine.begin() as connection:
        connection.execute(text("set transaction read write"))
        connection.execute(text(f"alter database {name} reset default_transaction_read_only"))
    assert found == {"database_read_only": State.WRONG}


def test_a_house_that_nobody_runs_is_looked_at_without_asking_for_life(runtime: Runtime) -> None:
    running = bad(inside.of_house(runtime.settings, is_running=True))
    still = bad(inside.of_house(runtime.settings, is_running=False))

    assert running["pipelines_never"] is State.WRONG
    assert running["mail_not_set_up"] is State.WRONG
    assert set(still) == {"audit_unguarded", "audit_head_never"}


def test_secrets_that_no_key_opens_are_counted(runtime: Runtime) -> None:
    set_api_token(runtime, "platform")
    before = said(inside.of_house(runtime.settings, is_running=False))
    file = runtime.keys.given.file
    assert file is not None
    replace(file, KeyRing({runtime.keys.current_id: bytes([7]) * 32}))

    after = said(inside.of_house(runtime.settings, is_running=False))

    assert before["secrets_open"].values == {"count": 1}
    assert after["secrets_shut"].state is State.WRONG
    assert "Of 1 secrets that were tried, 1 cannot" in after["secrets_shut"].text.message


def test_stored_answers_are_compared_with_their_hash(runtime: Runtime, settle: Settle) -> None:
    facility = settle("ann").facility.id
    contents = [f"answer {number}".encode() for number in range(3)]
    digests = [runtime.landing.put(content) for content in contents]
    with runtime.sessions.begin() as session:
        given = [
            {
                "id": new_id(),
                "facility_id": facility,
                "authorization_id": None,
                "sha256": digest,
                "media_type": "text/plain",
                "byte_count": 8,
                "source": "test",
                "received_at": runtime.now() - timedelta(days=1),
                "clock": None,
            }
            for digest in digests
        ]
        payloads.record(session, given)
    with runtime.sessions() as session:
        found = payloads.sample(session, limit=20)

    whole = said(inside.of_house(runtime.settings, is_running=False))
    kept = {path.stem: path for path in (runtime.settings.directory / "landing").rglob("*.zst")}
    kept[digests[0].hex()].unlink()
    kept[digests[1].hex()].write_bytes(kept[digests[2].hex()].read_bytes())
    damaged = said(inside.of_house(runtime.settings, is_running=False))

    assert {digests[0], digests[2]} <= set(found) <= set(digests)
    assert whole["landing_good"].state is State.GOOD
    assert len(kept) == 3  # what was written to try it is gone
    assert damaged["payloads_damaged"].values["missing"] == 1
    assert damaged["payloads_damaged"].state is State.WRONG


def test_a_landing_zone_that_is_a_file_is_said(runtime: Runtime) -> None:
    (runtime.settings.directory / "file").write_text("no folder")
    chosen = runtime.settings.model_copy(
        update={"landing_uri": str(runtime.settings.directory / "file")}
    )

    found = said(inside.of_house(chosen, is_running=False))

    assert found["landing_refused"].state is State.WRONG
