"""The embedded server comes back by itself, whatever a crash left behind."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import psycopg
import pytest

from dcarbon.db import embedded
from tests.integration.nothing_lost.conftest import kill_server, postmaster

pytestmark = pytest.mark.database


def test_a_killed_server_is_started_again_with_what_was_committed(place: Path) -> None:
    with embedded.server(place) as urls:
        url = urls[embedded.PRODUCT_DATABASE]
        with psycopg.connect(url) as connection:
            connection.execute("create table kept (number int)")
            connection.execute("insert into kept values (7)")
        kill_server(place)

        with embedded.server(place) as again, psycopg.connect(again["dcarbon"]) as connection:
            found = connection.execute("select number from kept").fetchone()

        assert again == urls
        assert found == (7,)


def test_runs_and_web_app_all_find_a_connection(place: Path) -> None:
    with embedded.server(place) as urls, psycopg.connect(urls["dcarbon"]) as connection:
        allowed = connection.execute("show max_connections").fetchone()

    assert allowed == (str(embedded.CONNECTIONS),)


def test_the_number_of_a_dead_server_given_to_another_process_does_not_hold_up_the_start(
    place: Path,
) -> None:
    """After a reboot the number in the file is often somebody else's."""
    with embedded.server(place):
        lines = (place / "postgresql" / "postmaster.pid").read_text().splitlines()
    stale = place / "postgresql" / "postmaster.pid"
    stale.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")

    with embedded.server(place) as urls, psycopg.connect(urls["dcarbon"]) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


@pytest.mark.parametrize("left", ["", "4711\n/some/where\n"], ids=["empty", "half_written"])
def test_files_cut_off_by_a_crash_do_not_hold_up_the_start(place: Path, left: str) -> None:
    with embedded.server(place):
        pass
    (place / "postgresql" / "postmaster.pid").write_text(left)
    (place / "postgresql" / ".handle_pids.json").write_text("[12")

    with embedded.server(place) as urls, psycopg.connect(urls["dcarbon"]) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_user_that_was_killed_does_not_keep_the_server_running(place: Path) -> None:
    with subprocess.Popen(["true"]) as ended:
        pass
    with embedded.server(place):
        pass
    (place / "postgresql" / ".handle_pids.json").write_text(json.dumps([ended.pid]))

    with embedded.server(place):
        server = postmaster(place)

    assert not Path(f"/proc/{server}/cwd").exists()
