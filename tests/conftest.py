"""Fixtures every test may use: where the sample files are."""

from __future__ import annotations

from pathlib import Path

import pytest

GREEN_BUTTON_DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "green-button"


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of real Green Button files; they live beside the project, never in it."""
    return GREEN_BUTTON_DATA / "samples"
