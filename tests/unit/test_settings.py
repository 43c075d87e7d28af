"""Settings: from the environment and one file, every wrong name said, no secret shown."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from dcarbon import settings
from dcarbon.domain.errors import SettingsInvalid
from dcarbon.providers.registry import ProviderRegistry


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work where no dcarbon.toml lies."""
    monkeypatch.chdir(tmp_path)


def refused(environ: dict[str, str]) -> SettingsInvalid:
    with pytest.raises(SettingsInvalid) as caught:
        settings.load(environ)
    return caught.value


def test_without_anything_the_embedded_defaults_stand() -> None:
    chosen = settings.load({})

    assert chosen.directory == Path(".dcarbon")
    assert chosen.database_url is None
    assert (chosen.history_days, chosen.overlap_days) == (90, 7)


def test_the_environment_names_a_setting_in_capitals() -> None:
    chosen = settings.load({"DCARBON_HISTORY_DAYS": "30", "DCARBON_LOG_LEVEL": "debug"})

    assert (chosen.history_days, chosen.log_level) == (30, "DEBUG")


def test_other_programs_variables_are_none_of_ours() -> None:
    assert settings.load({"PATH": "/bin", "DAGSTER_HOME": "/x"}) == settings.load({})


def test_nested_names_reach_the_settings_of_one_utility() -> None:
    chosen = settings.load(
        {
            "DCARBON_PROVIDERS__PGE__CLIENT_ID": "ours",
            "DCARBON_PROVIDERS__PGE__OVERRIDES__PER_SECOND": "2",
        }
    )

    assert chosen.provider("pge").client_id == "ours"
    assert chosen.provider("pge").overrides == {"per_second": "2"}
    assert chosen.provider("sce") == settings.ProviderSettings()


def test_a_file_in_the_working_directory_is_read(tmp_path: Path) -> None:
    (tmp_path / "dcarbon.toml").write_text('history_days = 10\n[providers.pge]\nclient_id = "a"\n')

    chosen = settings.load({})

    assert (chosen.history_days, chosen.provider("pge").client_id) == (10, "a")


def test_the_environment_wins_over_the_file_name_by_name(tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    file.write_text('history_days = 10\n[providers.pge]\nclient_id = "a"\nbase_url = "https://a"\n')

    chosen = settings.load(
        {"DCARBON_SETTINGS_FILE": str(file), "DCARBON_PROVIDERS__PGE__CLIENT_ID": "b"}
    )

    assert chosen.history_days == 10
    assert (chosen.provider("pge").client_id, chosen.provider("pge").base_url) == ("b", "https://a")


def test_overrides_of_the_caller_win_over_both(tmp_path: Path) -> None:
    (tmp_path / "dcarbon.toml").write_text("history_days = 10\n")

    chosen = settings.load({"DCARBON_HISTORY_DAYS": "20"}, history_days=30)

    assert chosen.history_days == 30


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DCARBON_HISTROY_DAYS", "30", "DCARBON_HISTROY_DAYS is not a setting"),
        ("DCARBON_PROVIDERS__PGE__CLIENT", "x", "DCARBON_PROVIDERS__PGE__CLIENT is not a setting"),
        ("DCARBON_HISTORY_DAYS", "ninety", "DCARBON_HISTORY_DAYS: "),
        ("DCARBON_HISTORY_DAYS", "0", "DCARBON_HISTORY_DAYS: "),
        ("DCARBON_WEB_PORT", "70000", "DCARBON_WEB_PORT: "),
        ("DCARBON_LOG_LEVEL", "LOUD", "DCARBON_LOG_LEVEL: "),
        ("DCARBON_PROVIDERS", "pge", "DCARBON_PROVIDERS: "),
    ],
)
def test_a_wrong_setting_stops_the_start_with_its_name(name: str, value: str, said: str) -> None:
    error = refused({name: value})

    assert said in error.display_message


def test_every_wrong_setting_is_named_at_once() -> None:
    error = refused({"DCARBON_A": "1", "DCARBON_WEB_PORT": "x"})

    assert "DCARBON_A " in error.display_message
    assert "DCARBON_WEB_PORT" in error.display_message


@pytest.mark.parametrize("turned", [False, True], ids=["group last", "group first"])
def test_a_group_that_is_also_given_a_value_is_refused(*, turned: bool) -> None:
    pairs = [("DCARBON_PROVIDERS__PGE__CLIENT_ID", "x"), ("DCARBON_PROVIDERS", "y")]

    error = refused(dict(reversed(pairs) if turned else pairs))

    assert "DCARBON_PROVIDERS" in error.display_message


def test_an_unknown_utility_is_named_as_the_setting_it_stands_in() -> None:
    chosen = settings.load({"DCARBON_PROVIDERS__PGEE__CLIENT_ID": "x"})

    with pytest.raises(SettingsInvalid) as caught:
        ProviderRegistry(chosen)

    assert "DCARBON_PROVIDERS__PGEE" in caught.value.display_message


@pytest.mark.parametrize("made", ["nothing", "folder", "text"])
def test_a_named_file_that_cannot_be_read_is_said(tmp_path: Path, made: str) -> None:
    file = tmp_path / "named.toml"
    if made == "folder":
        file.mkdir()
    if made == "text":
        file.write_text("history_days: 10")

    error = refused({"DCARBON_SETTINGS_FILE": str(file)})

    assert "named.toml" in error.display_message


def test_no_secret_is_in_the_repr() -> None:
    chosen = settings.load(
        {
            "DCARBON_DATABASE_URL": "postgresql://u:hidden-one@h/d",
            "DCARBON_SEAL_KEYS": "a:hidden-two",
            "DCARBON_PROVIDERS__PGE__CLIENT_SECRET": "hidden-three",
            "DCARBON_PROVIDERS__UTILITYAPI__API_TOKEN": "hidden-four",
            "DCARBON_PROVIDERS__UTILITYAPI__WEBHOOK_SECRET": "hidden-five",
        }
    )

    assert "hidden" not in repr(chosen) + str(chosen)


def test_no_secret_is_in_the_traceback_of_a_wrong_setting() -> None:
    """A secret under a misspelt name: the validator's own error repeats the value."""
    error = refused({"DCARBON_PROVIDERS__PGE__CLIENT_SECRETS": "hidden"})

    assert "hidden" not in "".join(traceback.format_exception(error))


def test_a_missing_setting_is_named_with_what_to_do() -> None:
    error = settings.missing("seal_keys", "Make one.")

    assert error.display_message == "DCARBON_SEAL_KEYS is missing. Make one."


def test_settings_cannot_be_changed() -> None:
    chosen = settings.load({})

    with pytest.raises(ValueError, match="frozen"):
        chosen.history_days = 1  # type: ignore[misc]


def test_what_is_to_be_kept_for_ever_says_so_and_payloads_are_never_kept_longer_than_readings() -> (
    None
):
    default = settings.load({})
    keep = {f"DCARBON_{what}_RETENTION_DAYS": "keep" for what in ("PAYLOAD", "READING")}
    chosen = settings.load({**keep, "DCARBON_DELETION_GRACE_DAYS": "never"})
    error = refused({"DCARBON_READING_RETENTION_DAYS": "30"})

    assert default.payload_retention_days == default.reading_retention_days == 2557
    assert default.deletion_grace_days == 14
    assert chosen.payload_retention_days is None
    assert chosen.reading_retention_days is None
    assert chosen.deletion_grace_days is None
    assert "payloads cannot be kept longer" in error.display_message
