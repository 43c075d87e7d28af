"""Errors become HTTP statuses by who has to act."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dcarbon.domain import errors
from dcarbon.domain.errors import DCarbonError
from dcarbon_api import problems
from dcarbon_api.security.bearer import ScopeMissing, Unauthenticated


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Unauthenticated(), 401),
        (ScopeMissing("write"), 403),
        (errors.NotFound(), 404),
        (errors.InvalidTransition(), 409),
        (errors.ReauthorizationRequired(), 409),
        (errors.AccessTokenRejected(), 409),
        (errors.AuthorizationDeclined(), 409),
        (errors.InvalidInput(), 422),
        (errors.InvalidInput(code="signature_invalid"), 403),
        (errors.InvalidInput(code="operator_needed"), 403),
        (errors.ClientCredentialsRejected(), 502),
        (errors.PaymentRequired(), 502),
        (errors.ContractViolation(), 502),
        (errors.ProviderUnavailable(), 503),
        (errors.ProviderThrottled(), 503),
        (errors.OutcomeUnknown(), 503),
        (errors.SealBroken(), 500),
        (errors.SettingsInvalid(), 500),
        (DCarbonError(), 500),
    ],
    ids=lambda value: value.code if isinstance(value, DCarbonError) else str(value),
)
def test_an_error_has_the_status_of_its_class(error: DCarbonError, status: int) -> None:
    assert problems.status_of(error) == status


def test_every_kind_of_error_is_explained_once_under_its_code() -> None:
    codes = [code for code, _, _ in problems.catalogue()]

    assert {kind.code for kind in _kinds(DCarbonError)} <= set(codes)
    assert len(codes) == len(set(codes))


def test_every_status_of_the_catalogue_has_a_title() -> None:
    assert {status for _, status, _ in problems.catalogue()} <= problems.TITLES.keys()


def _kinds(kind: type[DCarbonError]) -> Iterator[type[DCarbonError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _kinds(child)
