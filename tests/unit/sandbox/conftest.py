"""A running custodian in process for every test that wants one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from lxml import etree

from dcarbon_sandbox import scenarios
from tests.unit.sandbox.custodian import ThirdParty, make_app

_DRIVER = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
<xs:import namespace="http://www.w3.org/2005/Atom" schemaLocation="atom.xsd"/>
<xs:import namespace="http://naesb.org/espi" schemaLocation="espi-4.0.20231213.xsd"/>
<xs:import namespace="http://naesb.org/espi/customer" schemaLocation="customer-4.0.20231213.xsd"/>
</xs:schema>"""


@pytest.fixture
def app() -> Iterator[Flask]:
    made = make_app()
    sandbox = made.extensions["sandbox"]
    # Tests are faster than the usual limit of 20 requests a second allows.
    scenarios.apply("no-limits", sandbox.store, sandbox.faults)
    yield made
    made.extensions["sandbox"].close()


@pytest.fixture
def generic(app: Flask) -> ThirdParty:
    return ThirdParty(app, "generic")


@pytest.fixture
def pge(app: Flask) -> ThirdParty:
    return ThirdParty(app, "pge")


@pytest.fixture(scope="session")
def schema(samples: Path) -> etree.XMLSchema:
    """Atom, ESPI 4.0 and its customer schema, as one."""
    folder = samples.parent / "xsd"
    document = etree.fromstring(_DRIVER.encode(), base_url=str(folder / "driver.xsd"))
    return etree.XMLSchema(document)
