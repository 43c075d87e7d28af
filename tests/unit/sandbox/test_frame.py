"""Clock, state, scheduler and control room of the sandbox."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient

from dcarbon_sandbox.cli import main
from dcarbon_sandbox.clock import SandboxClock
from dcarbon_sandbox.scheduler import Scheduler
from dcarbon_sandbox.state import SandboxState
from tests.unit.sandbox.custodian import NOW, ROOT, ThirdParty, make_app, numbers


@pytest.fixture
def room(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    made = Scheduler()
    yield made
    made.close()


def test_a_clock_runs_until_it_is_set_and_again_afterwards() -> None:
    clock = SandboxClock()
    real = datetime.now(UTC)
    running = clock.now()
    clock.set(NOW)
    frozen = clock.now()
    clock.advance(timedelta(hours=2))
    moved = clock.now()

    clock.set(None)

    assert abs(running - real) < timedelta(seconds=10)
    assert (frozen, moved) == (NOW, NOW + timedelta(hours=2))
    assert clock.now() >= real


def test_a_running_clock_can_be_moved_and_runs_on() -> None:
    clock = SandboxClock()

    clock.advance(timedelta(days=3))

    assert clock.now() - datetime.now(UTC) > timedelta(days=2)
    assert not clock.is_frozen


def test_a_naive_time_is_no_time() -> None:
    with pytest.raises(ValueError, match="aware"):
        SandboxClock(datetime(2026, 1, 1))  # noqa: DTZ001 — what is tested


def test_state_is_there_again_after_a_restart(tmp_path: Path) -> None:
    first = SandboxState(tmp_path)
    with first.changing("things") as section:
        section["one"] = {"list": [1, 2]}
    first.close()

    second = SandboxState(tmp_path)

    assert second.section("things") == {"one": {"list": [1, 2]}}
    assert (tmp_path / "things.json").stat().st_mode & 0o077 == 0
    second.close()


def test_state_is_written_without_being_asked(tmp_path: Path) -> None:
    state = SandboxState(tmp_path, quiet_s=0.01)
    written = threading.Event()

    with state.changing("things") as section:
        section["one"] = 1

    for _ in range(200):
        if (tmp_path / "things.json").exists():
            written.set()
            break
        written.wait(0.02)
    assert written.is_set()
    state.close()


def test_a_failing_action_does_not_stop_the_later_ones(scheduler: Scheduler) -> None:
    done = threading.Event()

    def fail() -> None:
        raise RuntimeError("on purpose")

    scheduler.after(0.0, fail)
    scheduler.after(0.01, done.set)

    assert done.wait(5)


def test_the_control_room_sets_and_moves_the_clock(app: Flask, room: FlaskClient) -> None:
    room.post("/sandbox/clock", json={"at": "2026-03-08T09:00:00Z"})
    moved = room.post("/sandbox/clock", json={"advance_s": 3600})

    assert moved.get_json() == {"now": "2026-03-08T10:00:00+00:00", "frozen": True}
    assert room.post("/sandbox/clock", json={"at": None}).get_json()["frozen"] is False


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/sandbox/clock", {"at": "noon"}),
        ("/sandbox/clock", {}),
        ("/sandbox/clock", ["at"]),
        ("/sandbox/faults", {"kind": "gremlins"}),
        ("/sandbox/faults", {}),
        ("/sandbox/scenarios/none", {}),
        ("/sandbox/utilities/pge", {"asynchronous": "sometimes"}),
        ("/sandbox/utilities/pge", {"mutual_tls": "yes"}),
        ("/sandbox/utilities/pge", {"colour": "red"}),
        ("/sandbox/utilities/pge", {"rate_per_s": -1.0}),
        ("/sandbox/clock", {"advance_s": 1e300}),
        ("/sandbox/faults", {"kind": "slow", "parameters": "much"}),
        ("/sandbox/faults", {"kind": "slow", "times": 1.5}),
        ("/sandbox/restatements", {"meter_id": "1"}),
        (
            "/sandbox/restatements",
            {"meter_id": "1", "start": "2026-01-01", "end": "2026-01-02", "factor": "nan"},
        ),
        ("/sandbox/authorizations", {"count": 0}),
        ("/sandbox/authorizations", {"utility": "nobody", "login": "sunny"}),
        ("/sandbox/authorizations", {"utility": "pge", "login": "nobody"}),
    ],
)
def test_the_control_room_says_what_it_does_not_understand(
    room: FlaskClient, path: str, body: object
) -> None:
    response = room.post(path, json=body)

    assert response.status_code == 400
    assert response.get_json()["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/sandbox/utilities/nowhere",
        "/sandbox/authorizations/1/revoke",
        "/sandbox/utilities/nowhere/bulk-files",
    ],
)
def test_the_control_room_knows_what_does_not_exist(room: FlaskClient, path: str) -> None:
    assert room.post(path, json={}).status_code == 404


def test_a_form_of_the_page_leads_back_to_it(room: FlaskClient) -> None:
    response = room.post(
        "/sandbox/faults", data={"back": "1", "kind": "error", "provider": "", "times": "forever"}
    )

    assert response.headers["Location"] == "/sandbox/"
    rule = room.get("/sandbox/faults").get_json()["faults"][0]
    assert (rule["kind"], rule["times"], rule["provider"]) == ("error", None, None)


def test_another_site_cannot_press_the_buttons(room: FlaskClient) -> None:
    response = room.post(
        "/sandbox/faults", json={"kind": "error"}, headers={"Origin": "https://evil.example"}
    )

    assert response.status_code == 403
    assert not room.get("/sandbox/faults").get_json()["faults"]


def test_every_scenario_can_be_put_in_force_and_calm_ends_it(app: Flask, room: FlaskClient) -> None:
    before = room.get("/sandbox/utilities").get_json()
    room.post("/sandbox/scenarios/calm")
    calm = room.get("/sandbox/utilities").get_json()
    names = list(room.get("/sandbox/scenarios").get_json())

    statuses = {room.post(f"/sandbox/scenarios/{name}").status_code for name in names}
    changed = room.get("/sandbox/utilities").get_json()
    room.post("/sandbox/scenarios/calm")

    assert statuses == {200}
    assert before != calm != changed
    assert room.get("/sandbox/utilities").get_json() == calm
    assert room.get("/sandbox/faults").get_json()["faults"] == []


def test_authorizations_can_be_made_without_the_pages(
    app: Flask, room: FlaskClient, generic: ThirdParty
) -> None:
    body = {"utility": "generic", "count": 3, "first": 10}

    made = room.post("/sandbox/authorizations", json=body).get_json()["authorizations"]

    listed = room.get("/sandbox/authorizations").get_json()["authorizations"]
    assert [one["login"] for one in listed] == ["bulk-10", "bulk-11", "bulk-12"]
    answer = generic.get(
        made[1]["resourceURI"], made[1]["access_token"], published_min="2026-11-10T08:00:00Z"
    )
    assert answer.status_code == 200


def test_a_restatement_shows_in_the_next_feed(room: FlaskClient, generic: ThirdParty) -> None:
    token = generic.authorize("robin")
    window = {"published_min": "2026-10-05T07:00:00Z", "published_max": "2026-10-06T07:00:00Z"}

    def read() -> list[int]:
        content = generic.get(token["resourceURI"], token["access_token"], **window).data
        return numbers(content, "IntervalReading/value")

    before = read()
    room.post(
        "/sandbox/restatements",
        json={
            "meter_id": "4410000201",
            "start": "2026-10-05T07:00:00Z",
            "end": "2026-10-05T07:30:00Z",
            "factor": 2,
        },
    )
    after = read()

    assert after[:2] == [2 * value for value in before[:2]]
    assert after[2:] == before[2:]


def test_tokens_can_be_expired_by_hand(room: FlaskClient, generic: ThirdParty) -> None:
    token = generic.authorize()
    number = token["authorizationURI"].rsplit("/", 1)[1]

    room.post(f"/sandbox/authorizations/{number}/expire-tokens")

    assert generic.get(token["resourceURI"], token["access_token"]).status_code == 401
    fresh = generic.post_token(grant_type="refresh_token", refresh_token=token["refresh_token"])
    assert fresh.status_code == 200


def test_signing_in_leaves_the_web_applications_session_alone(generic: ThirdParty) -> None:
    generic.visit({"step": "login", "username": "sunny", "password": "sunny"})

    assert generic.browser.get_cookie("sandbox_session", "127.0.0.1")
    assert generic.browser.get_cookie("session", "127.0.0.1") is None


def test_no_listing_shows_a_customers_token(room: FlaskClient, generic: ThirdParty) -> None:
    token = generic.authorize()

    pages = [room.get(path).text for path in ("/sandbox/", "/sandbox/authorizations", "/")]

    assert not any(token["access_token"] in page for page in pages)


@pytest.mark.parametrize("command", ["serve", "where", "scenarios", "customers", "clients"])
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(main, [command, "--help"])

    assert result.exit_code == 0
    assert "Usage:" in result.output


@pytest.mark.parametrize(
    "arguments",
    [["--feed", "visitor"], ["--feed", "visitor=/nowhere.xml"], ["--at", "noon"],
     ["--notification-uri", "nobody=x"]],
)  # fmt: skip
def test_serve_refuses_what_makes_no_sense(arguments: list[str], tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["serve", "--directory", str(tmp_path), *arguments])

    assert result.exit_code == 2
    assert "Invalid value" in result.output


def test_authorizations_and_tokens_survive_in_a_new_application(tmp_path: Path) -> None:
    first = make_app(SandboxState(tmp_path))
    token = ThirdParty(first).authorize()
    first.extensions["sandbox"].close()

    second = make_app(SandboxState(tmp_path))
    party = ThirdParty(second)
    answer = party.get(
        token["resourceURI"], token["access_token"], published_min="2026-11-10T08:00:00Z"
    )
    refresh = party.post_token(grant_type="refresh_token", refresh_token=token["refresh_token"])

    assert (answer.status_code, refresh.status_code) == (200, 200)
    assert token["resourceURI"].startswith(ROOT)
    second.extensions["sandbox"].close()
