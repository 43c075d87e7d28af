"""One Flask blueprint per utility, and the paths that are for people rather than programs."""

from __future__ import annotations

from flask import Blueprint, Response

from dcarbon_sandbox.green_button.access import Gate
from dcarbon_sandbox.green_button.consent import ConsentPages
from dcarbon_sandbox.green_button.custodian import Custodian, Surroundings
from dcarbon_sandbox.green_button.management import Management
from dcarbon_sandbox.green_button.profiles import PROFILES
from dcarbon_sandbox.green_button.resources import Resources

PAGES = frozenset(
    path for p in PROFILES.values() for path in (p.authorize_path, p.scope_screen_path)
)


def custodians(around: Surroundings) -> dict[str, Custodian]:
    """Return every utility's custodian by its code."""
    return {code: Custodian(profile, around) for code, profile in PROFILES.items()}


def blueprint(custodian: Custodian) -> Blueprint:
    """Return the routes of one utility, pages and API."""
    profile = custodian.profile
    result = Blueprint(f"green_button_{profile.code}", __name__)
    gate = Gate(custodian)
    ConsentPages(custodian).routes(result)
    api = Blueprint("api", __name__)
    Management(custodian, gate).routes(api)
    resources = Resources(custodian, gate)
    resources.routes(api)
    base = profile.base_path
    api.add_url_rule(f"{base}/Batch/Bulk/<bulk_id>", view_func=resources.bulk)
    api.add_url_rule(f"{base}/Batch/Bulk/<bulk_id>/<name>", view_func=resources.bulk_file)
    api.add_url_rule(
        f"{base}/Batch/BulkRetailCustomerInfo/<bulk_id>", view_func=resources.bulk_customers
    )
    api.before_request(gate.certificate_refusal)
    api.before_request(gate.rate_refusal)
    result.register_blueprint(api)
    if profile.dialect == "pge":
        result.after_request(_mulesoft)
    return result


def _mulesoft(response: Response) -> Response:
    response.headers["Server"] = "Mulesoft-API-Gateway"
    return response
