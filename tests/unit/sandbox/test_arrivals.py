"""The sandbox knows when it was asked: limits are held against that."""

from __future__ import annotations

from flask import Flask

from dcarbon_sandbox.app import utility_of
from dcarbon_sandbox.arrivals import Arrivals


def test_requests_of_programs_are_noted_by_utility_and_pages_are_not() -> None:
    app, arrivals = Flask(__name__), Arrivals(utility_of)
    arrivals.install(app)
    client = app.test_client()

    for path in ("/pge/GreenButtonConnect/espi", "/pge/token", "/api/v2/meters", "/", "/mails"):
        client.get(path)

    assert {provider: len(at) for provider, at in arrivals.seen().items()} == {
        "pge": 2,
        "utilityapi": 1,
    }
    assert arrivals.seen()["pge"] == sorted(arrivals.seen()["pge"])

    arrivals.forget()

    assert not arrivals.seen()
