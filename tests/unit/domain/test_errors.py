"""A failure says whose it is, and carries its code, its words and what handling it takes."""

from __future__ import annotations

import inspect
from datetime import timedelta

import pytest

from dcarbon.domain import errors, texts
from dcarbon.domain.errors import DCarbonError

CLASSES = {
    name: member
    for name, member in vars(errors).items()
    if inspect.isclass(member) and issubclass(member, DCarbonError)
}
THEIRS = {
    *("ProviderUnavailable", "ProviderPaused", "OutcomeUnknown", "ProviderThrottled"),
    *("ReauthorizationRequired", "ConsentRevoked", "AccessTokenRejected", "AuthorizationDeclined"),
    *("ClientCredentialsRejected", "ClientTokenRejected", "PaymentRequired"),
    *("ContractViolation", "UnreadablePayload", "ResourceMissing"),
    *("InvalidTransition", "ClaimRefused", "InvalidInput", "AnswersInvalid", "NotFound"),
    *("TooManyRequests", "ExportInterrupted", "MailServerUnavailable", "MailRefused"),
}
"""The utility's, the customer's and the asker's side: those are stored and shown. With any other
failure a run fails.
"""


@pytest.mark.parametrize("name", CLASSES)
def test_only_our_own_failures_stop_a_run(name: str) -> None:
    assert CLASSES[name].is_ours is (name not in THEIRS)


@pytest.mark.parametrize("name", CLASSES)
def test_a_failure_of_each_class_has_its_code_and_words(name: str) -> None:
    failure = CLASSES[name]

    assert failure.display_message == texts.of(failure.code).message
    assert failure.code in texts.TEXTS


def test_a_code_given_brings_its_words_and_words_given_stay() -> None:
    plain = errors.InvalidInput("for the log")
    coded = errors.InvalidInput(code="range_reversed")
    told = errors.InvalidInput("", display_message="Please choose another day.")

    assert (plain.code, str(plain)) == ("invalid_input", "for the log")
    assert plain.display_message == texts.of("invalid_input").message
    assert (coded.code, str(coded)) == ("range_reversed", texts.of("range_reversed").message)
    assert (told.code, str(told)) == ("invalid_input", "Please choose another day.")


def test_a_request_may_have_arrived_unless_it_is_known_not_to_have() -> None:
    silent = errors.ProviderUnavailable("timed out")
    refused = errors.ProviderThrottled(
        "slow down", retry_after=timedelta(minutes=1), may_have_arrived=False
    )

    assert (silent.may_have_arrived, silent.retry_after) == (True, None)
    assert (refused.may_have_arrived, refused.retry_after) == (False, timedelta(minutes=1))


def test_a_failure_knows_what_it_is_about() -> None:
    claim = errors.ClaimRefused("no", field="note", code="note_needed")
    answers = errors.AnswersInvalid({"state": "Please.", "city": "Please."})
    quota = errors.TooManyRequests(retry_after=timedelta(hours=1))

    assert (claim.field, claim.code) == ("note", "note_needed")
    assert (str(answers), set(answers.fields)) == (
        "answers refused: city, state",
        {"state", "city"},
    )
    assert (quota.retry_after, quota.code) == (timedelta(hours=1), "too_many_requests")
    assert not errors.MailServerUnavailable("down").is_about_one
    assert errors.MailServerUnavailable("later", is_about_one=True).is_about_one


def test_whatever_nobody_has_words_for_is_said_in_words_that_are_true_of_any() -> None:
    unknown = texts.of("never_heard_of")

    assert unknown.title == "This did not work"
    assert texts.of(None) == texts.of("") == unknown
    assert unknown.message == f"{unknown.what_happened} {unknown.what_to_do}"
    assert texts.of("range_reversed") == texts.TEXTS["range_reversed"] != unknown


def test_a_class_that_states_its_own_words_keeps_them_and_hands_them_down() -> None:
    class Half(errors.InvalidInput):
        code = "range_half"
        display_message = "Please give both ends."

    class Quarter(Half):
        """The same failure, told apart by programs only."""

    assert Half().display_message == str(Quarter()) == "Please give both ends."
