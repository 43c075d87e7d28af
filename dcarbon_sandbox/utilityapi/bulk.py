"""Many authorizations at once, collected and quiet: for load tests and full pages."""

from __future__ import annotations

from dcarbon_sandbox.customers import GENERATED_PREFIX
from dcarbon_sandbox.utilityapi import collection, forms, lifecycle
from dcarbon_sandbox.utilityapi.service import Record, Service


def create(
    service: Service, count: int, *, first: int = 0, utility: str = "DEMO", months: int = 3
) -> list[Record]:
    """Authorize generated customers ``first`` … and hold ``months`` of data for each.

    No delays, no events. Returns ``{"authorization_uid", "referral", "meter_uids"}`` per customer.
    """
    if not 1 <= months <= 36:
        raise ValueError("months must be 1 to 36")
    with service.state.lock:
        template = forms.default_template(service)["uid"]
        made = [
            _authorized(service, number, template=template, utility=utility, months=months)
            for number in range(first, first + count)
        ]
        service.changed()
    return made


def _authorized(
    service: Service, number: int, *, template: str, utility: str, months: int
) -> Record:
    referral = service.new_uid("referral")
    submission: Record = {
        "form_uid": None,
        "template_uid": template,
        "utility": utility,
        "customer_email": f"{GENERATED_PREFIX}{number}@customer.example",
        "scope": {},
        "is_declined": False,
        "login": f"{GENERATED_PREFIX}{number}",
    }
    authorization = lifecycle.create(service, submission, referral)
    service.records("referrals")[referral] = {"authorizations": [authorization["uid"]]}
    lifecycle.find_meters(service, authorization)
    lifecycle.set_status(service, authorization, "updated", "Meters found!")
    for uid in authorization["meters"]:
        collection.hold(service, service.records("meters")[uid], months)
    return {
        "authorization_uid": authorization["uid"],
        "referral": referral,
        "meter_uids": list(authorization["meters"]),
    }
