"""Stories 1.3 and 1.4: an owner invites the operator, who authorises; the owner sees it happen."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys import steps
from tests.journeys.conftest import People, Site

pytestmark = pytest.mark.browser

Seen = Callable[[Page, str], None]


def _owner_invites(people: People, owner: str, operator: str, facility: str) -> Page:
    page = people.signed_in(owner, kind="commercial")
    steps.begin_facility(page)
    steps.choose_role(page, "Owner")
    steps.fill_details(page, facility)
    page.get_by_label(re.compile("operator", re.IGNORECASE)).last.fill(operator)
    page.get_by_role("button", name="Send the invitation").click()
    expect(page.get_by_text("Utility Authorization Pending").first).to_be_visible()
    return page


def test_the_operator_completes_what_the_owner_began(
    people: People, site: Site, seen: Seen
) -> None:
    owner = _owner_invites(people, "owner.13@example.test", "operator.13@example.test", "Mill")
    seen(owner, "1-3-pending")
    operator = people.visitor()

    operator.goto(site.link_in_mail("operator.13@example.test", "/invitations/"))
    seen(operator, "1-4-invitation")
    steps.press(operator.get_by_role("button", name=re.compile("choose the utility")))
    seen(operator, "1-4-choose")
    steps.to_green_button(operator, "SCE")
    steps.consent_at_green_button(operator, "sunny")
    steps.expect_connected(operator)

    owner.reload()
    expect(owner.get_by_text("Utility Authorization Pending")).to_have_count(0)
    expect(owner.get_by_text("Active").first).to_be_visible()


def test_resending_ends_the_earlier_link_and_each_state_is_told(
    people: People, site: Site, seen: Seen
) -> None:
    address = "operator.13b@example.test"
    owner = _owner_invites(people, "owner.13b@example.test", address, "Dairy")
    first = site.link_in_mail(address, "/invitations/")
    steps.press(owner.get_by_role("button", name="Resend Invite").first)
    second = site.link_in_mail(address, "/invitations/", after=1)
    visitor = people.visitor()

    visitor.goto(first)
    expect(visitor.get_by_text("A newer invitation was sent").first).to_be_visible()
    seen(visitor, "1-4-replaced")
    visitor.goto(f"{site.url}/invitations/nobody-ever-sent-this-one")
    expect(visitor.get_by_text("We do not know this invitation").first).to_be_visible()
    visitor.goto(second)
    steps.press(visitor.get_by_role("button", name=re.compile("choose the utility")))
    people.visitor().goto(second)
    again = people.visitor()
    again.goto(second)
    expect(again.get_by_text("This invitation was accepted before").first).to_be_visible()


def test_the_owner_can_send_the_invitation_to_another_address(people: People, site: Site) -> None:
    owner = _owner_invites(people, "owner.13c@example.test", "wrong.13c@example.test", "Quarry")

    owner.get_by_role("link", name="Change Email").first.click()
    owner.get_by_label(re.compile("mail", re.IGNORECASE)).first.fill("right.13c@example.test")
    owner.get_by_role("button", name=re.compile("Send")).first.click()

    assert site.link_in_mail("right.13c@example.test", "/invitations/")
    expect(owner.get_by_text("right.13c@example.test").first).to_be_visible()
