"""The values of the domain are made once and never changed."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import is_dataclass

import pytest

from dcarbon import domain
from dcarbon.domain import audit_proof


def _values() -> list[type]:
    names = [f"{domain.__name__}.{found.name}" for found in pkgutil.iter_modules(domain.__path__)]
    members = [
        member
        for name in names
        for member in vars(importlib.import_module(name)).values()
        if isinstance(member, type) and member.__module__ == name
    ]
    return [member for member in members if is_dataclass(member)]


VALUES = [value for value in _values() if value is not audit_proof.Proof]
"""All but the one that takes entries one by one."""


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.__qualname__)
def test_a_value_is_frozen_and_has_no_attribute_that_is_not_declared(value: type) -> None:
    # The proof of the audit log is given away: it keeps to what older Pythons know, too.
    is_given_away = value.__module__ == audit_proof.__name__

    assert value.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert is_given_away or "__slots__" in vars(value)
