"""``dcarbon demo``: the main job from consent to readings, on embedded defaults."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import click
import httpx2
from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn

from dcarbon import settings
from dcarbon.cli import demo_table, examples, up, waiting
from dcarbon.cli import stack as stacks
from dcarbon.cli.browsing import Visitor
from dcarbon.cli.stack import Stack
from dcarbon.db.facilities import Facility
from dcarbon.db.people import Person
from dcarbon.domain.errors import DCarbonError
from dcarbon.domain.states import AuthStatus
from dcarbon.services import api_tokens, facilities, people
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.facilities import FacilityDetails
from dcarbon.services.runtime import Runtime, open_runtime
from dcarbon.settings import Settings

COLLECT_LIMIT_S = 240.0


class DemoFailed(DCarbonError):
    """The main job did not come to its end; the words say where."""

    code = "demo_failed"


@dataclass(frozen=True, slots=True)
class Story:
    """One person, one facility, one utility, and what the person types there."""

    person: str
    kind: str
    facility: FacilityDetails
    method: str
    choice: str
    login: str


STORIES = (
    Story(
        "owner@demo.example",
        "commercial",
        FacilityDetails(
            name="Imaginary Widgets Plant", street="1 Factory Way", city="Anytown", state="CA"
        ),
        "green-button",
        "pge",
        "acme",
    ),
    Story(
        "resident@demo.example",
        "residential",
        FacilityDetails(name="Harper's Home", street="48 Juniper Ct", city="Anytown", state="CA"),
        "utilityapi",
        "LADWP",
        "hourly",
    ),
)


@click.command("demo", epilog=examples.of("dcarbon demo", "dcarbon demo --once"))
@click.option(
    "--once", is_flag=True, help="Stop after the table, with exit status 0 if all is there."
)
def command(*, once: bool) -> None:
    """Show the main job from end to end, on stand-in utilities.

    Starts everything as `dcarbon up` does. Then an owner authorises PG&E by Green Button and a
    resident LADWP through UtilityAPI, at the pages of the stand-ins. A minute later their readings
    have arrived by themselves, and a table says what is there. It stays up until Ctrl-C.
    """
    console = Console()
    chosen = settings.load()
    started = time.monotonic()
    console.print("Starting DCarbon and its sandbox utilities.")
    with up.started(chosen, console, with_sandbox=True) as stack:
        with _runtime(stack) as runtime:
            walked = [_authorise(runtime, stack, story, console) for story in STORIES]
            _wait(stack, walked, console)
            facility_ids = [each.facility_id for each in walked]
            console.print(demo_table.of(runtime, facility_ids, width=console.width))
        console.print(f"From start to table: {time.monotonic() - started:.0f} s.")
        console.print(up.addresses(stack))
        if not once:
            up.wait(stack, console)


@dataclass(frozen=True, slots=True)
class Walked:
    """A person who came back from the utility."""

    story: Story
    facility_id: UUID
    session_id: str | None
    """``None`` when it was authorised by an earlier demo."""
    token: str


@contextmanager
def _runtime(stack: Stack) -> Iterator[Runtime]:
    chosen: Settings = settings.load(stacks.given_settings(stack.environment))
    with open_runtime(chosen) as runtime:
        yield runtime


def _authorise(runtime: Runtime, stack: Stack, story: Story, console: Console) -> Walked:
    """Register the person and facility and walk the consent over HTTP, as a browser would."""
    now = datetime.now(UTC)
    person = people.ensure(
        runtime.sessions, email=story.person, account_kind=story.kind, actor=SYSTEM, now=now
    )
    _, token = api_tokens.create(
        runtime.sessions,
        person_id=person.id,
        name="demo",
        scopes=api_tokens.SCOPES,
        actor=SYSTEM,
        now=now,
    )
    facility = _facility(runtime, story, person)
    if facility.auth_status == AuthStatus.AUTHORIZED:
        console.print(f"  {facility.name} is authorised already, from an earlier demo")
        return Walked(story, facility.id, None, token)
    visitor = Visitor.new()
    chosen = "provider" if story.method == "green-button" else "utility"
    started = visitor.http.post(
        f"{stack.web}/{story.method}/start",
        json={"facility_id": str(facility.id), chosen: story.choice},
        headers=_bearer(token),
    )
    if started.is_error:
        raise DemoFailed(display_message=f"Starting failed: {started.text[:300]}")
    answer = started.json()
    answers = {"username": story.login, "login": story.login, "password": story.login}
    back = visitor.through(answer["redirectUrl"], answers, until=stack.web)
    if visitor.http.get(back).is_error:
        raise DemoFailed(display_message=f"The return from {story.choice} failed.")
    console.print(f"  [green]authorised[/] {story.facility.name} at {story.choice}")
    return Walked(story, facility.id, answer["sessionId"], token)


def _facility(runtime: Runtime, story: Story, person: Person) -> Facility:
    """Return the person's facility of an earlier demo, or register it."""
    with runtime.sessions() as session:
        for known in facilities.visible(session, actor=Actor(person.id)):
            if known.name == story.facility.name:
                return known
    return facilities.create(
        runtime.sessions,
        story.facility,
        account_kind=story.kind,
        role="owner_operator",
        actor=SYSTEM,
        now=datetime.now(UTC),
        person_id=person.id,
    )


def _wait(stack: Stack, walked: list[Walked], console: Console) -> None:
    """Watch the status endpoint, as the page does, until both collections have ended."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    deadline = time.monotonic() + COLLECT_LIMIT_S
    with waiting.bars(console, *columns) as progress, httpx2.Client(trust_env=False) as http:
        awaited = {each.session_id: each for each in walked if each.session_id}
        tasks = {
            session_id: progress.add_task(each.story.facility.name, total=None)
            for session_id, each in awaited.items()
        }
        while awaited:
            for session_id, each in list(awaited.items()):
                answer = _status(http, stack, each)
                progress.update(tasks[session_id], description=_words(each, answer))
                if answer["progress"].get("state") == "done":
                    progress.update(tasks[session_id], total=1, completed=1)
                    del awaited[session_id]
            if awaited and time.monotonic() > deadline:
                names = ", ".join(each.story.facility.name for each in awaited.values())
                raise DemoFailed(
                    display_message=f"No readings arrived for {names}. The logs under "
                    f"{stack.settings.directory / 'logs'} and the Dagster UI say why."
                )
            time.sleep(0.5)


def _status(http: httpx2.Client, stack: Stack, each: Walked) -> dict[str, dict[str, object]]:
    response = http.get(
        f"{stack.web}/{each.story.method}/status",
        params={"sessionId": each.session_id or ""},
        headers=_bearer(each.token),
    )
    response.raise_for_status()
    answer: dict[str, dict[str, object]] = response.json()
    if str(answer["status"]) in {"failed", "expired", "revoked"}:
        raise DemoFailed(display_message=f"{each.story.facility.name}: {answer['errorMessage']}")
    return answer


def _words(each: Walked, answer: dict[str, dict[str, object]]) -> str:
    done = answer["progress"]
    told = [str(answer["status"])]
    if done.get("meters_found"):
        told.append(f"{done['meters_found']} meter{'' if done['meters_found'] == 1 else 's'}")
    if done.get("readings"):
        told.append(f"{done['readings']:,} readings")
    return f"{each.story.facility.name}: {', '.join(told)}"


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
