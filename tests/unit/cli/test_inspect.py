"""``dcarbon inspect`` for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dcarbon.cli.inspect import command as inspect


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(inspect, [str(argument) for argument in arguments])


@pytest.fixture
def empty_file(tmp_path: Path) -> Path:
    path = tmp_path / "empty.xml"
    path.write_bytes(b"")
    return path


def test_one_file_gives_exactly_one_object(samples: Path) -> None:
    result = run("--json", samples / "pge-electric-hourly-1day.xml")

    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "usage_points": 1,
        "meter_readings": 1,
        "channels": [
            {
                "usage_point": "5391320451",
                "flow_direction": 1,
                "uom": 72,
                "commodity": 1,
                "interval_length": 3600,
                "readings": 24,
                "first_start": "2019-10-03T07:00:00Z",
                "last_end": "2019-10-04T07:00:00Z",
                "total": {"value": "50663.298", "unit": "Wh"},
            }
        ],
        "warnings": [],
    }


@pytest.mark.parametrize(
    ("file", "value", "unit"),
    [
        ("pge-gas-daily-1day", "0", "therm"),
        ("gba-gas-monthly-cost", "1081.119", "therm"),
        ("utilityapi-batch-reverse-flow", "726240", "Wh"),
        ("national-grid-ma-gas-cost-odd", "2651000", "unknown"),
    ],
)
def test_a_total_is_an_exact_decimal_string(
    samples: Path, file: str, value: str, unit: str
) -> None:
    result = run("--json", samples / f"{file}.xml")

    (channel,) = json.loads(result.stdout)["channels"]
    assert channel["total"] == {"value": value, "unit": unit}


def test_codes_absent_in_the_file_are_null(samples: Path) -> None:
    result = run("--json", samples / "opower-pge-quarter-hourly-cost-2013.xml")

    (channel,) = json.loads(result.stdout)["channels"]
    assert (channel["flow_direction"], channel["uom"], channel["commodity"]) == (None, 72, None)


def test_readings_without_usable_times_are_counted_without_first_and_last(samples: Path) -> None:
    result = run("--json", samples / "national-grid-ma-gas-cost-odd.xml")

    document = json.loads(result.stdout)
    (channel,) = document["channels"]
    assert result.exit_code == 0
    assert (channel["readings"], channel["first_start"], channel["last_end"]) == (36, None, None)
    assert "unusable_timestamps" in {warning["code"] for warning in document["warnings"]}


def test_several_files_give_a_list_that_names_each(samples: Path, empty_file: Path) -> None:
    good = samples / "sce-bulk-usage.xml"

    result = run("--json", good, empty_file)

    first, second = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (first["file"], first["channels"][0]["readings"]) == (str(good), 97)
    assert (second["file"], second["error"]["code"]) == (str(empty_file), "empty_document")
    assert second["error"]["message"]


@pytest.mark.parametrize("name", ["missing.xml", ""])
def test_what_cannot_be_opened_is_said_and_ends_with_status_1(tmp_path: Path, name: str) -> None:
    result = run("--json", tmp_path / name)

    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["code"] == "file_unreadable"
    assert "cannot be opened" in result.stderr


def test_people_see_channels_totals_and_notes(samples: Path) -> None:
    result = run(samples / "gba-forward-reverse-conflicting-links.xml")

    assert result.exit_code == 0
    for text in ("17,692 Wh", "21,021 Wh", "delivered", "received", "2014-01-01T05:00:00Z"):
        assert text in result.stdout
    assert "not summed: demand in W" in result.stdout
    assert "conflicting_links" in result.stdout


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("pge-authorization", "1 authorization(s)"),
        ("pge-reading-types", "48 reading type(s)"),
        ("pge-retail-customer", "140 HAN RD, KING CITY, CA 95101"),
        ("pge-usage-summaries", "3 usage summaries"),
    ],
)
def test_people_see_what_a_file_without_readings_is(samples: Path, file: str, words: str) -> None:
    result = run(samples / f"{file}.xml")

    assert result.exit_code == 0
    assert "No interval readings" in result.stdout
    assert words in result.stdout


def test_a_broken_file_does_not_hide_the_others(samples: Path) -> None:
    result = run(samples / "pge-usage-summary-not-wellformed.xml", samples / "sce-bulk-usage.xml")

    assert result.exit_code == 1
    assert "24,380 Wh" in result.stdout
    assert "malformed_xml" in result.stderr
    assert "download it again" in result.stderr


@pytest.mark.parametrize("arguments", [[], ["--wrong", "x.xml"]])
def test_wrong_use_ends_with_status_2(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2
