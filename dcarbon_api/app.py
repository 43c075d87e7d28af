"""The web application: one factory, given everything it needs. Routes are in the areas."""

from __future__ import annotations

import json

from flask import Flask

from dcarbon.services.runtime import Runtime
from dcarbon_api import assets, navigation, problems, request_log, twins
from dcarbon_api.account.api import bp as account_api
from dcarbon_api.account.routes import bp as account
from dcarbon_api.activity.api import bp as activity_api
from dcarbon_api.activity.routes import bp as activity
from dcarbon_api.admin_audit.api import bp as admin_audit_api
from dcarbon_api.admin_audit.routes import bp as admin_audit
from dcarbon_api.admin_authorization.actions import bp as admin_authorization_actions
from dcarbon_api.admin_authorization.api import bp as admin_authorization_api
from dcarbon_api.admin_authorization.routes import bp as admin_authorization
from dcarbon_api.admin_authorization.showing import bp as admin_authorization_words
from dcarbon_api.admin_authorizations.api import bp as admin_authorizations_api
from dcarbon_api.admin_authorizations.routes import bp as admin_authorizations
from dcarbon_api.admin_authorizations.wording import bp as admin_words
from dcarbon_api.admin_bulk.api import bp as admin_bulk_api
from dcarbon_api.admin_bulk.routes import bp as admin_bulk
from dcarbon_api.admin_system.api import bp as admin_system_api
from dcarbon_api.admin_system.routes import bp as admin_system
from dcarbon_api.authorizations.routes import bp as authorizations
from dcarbon_api.bodies import CappedRequest
from dcarbon_api.changes.api import bp as changes_api
from dcarbon_api.changes.routes import bp as changes
from dcarbon_api.connection.routes import bp as connection
from dcarbon_api.context import EXTENSION
from dcarbon_api.coverage.api import bp as coverage_api
from dcarbon_api.coverage.routes import bp as coverage
from dcarbon_api.daily_energy.routes import bp as daily_energy
from dcarbon_api.dashboard.routes import bp as dashboard
from dcarbon_api.deletions.admin import bp as admin_deletions
from dcarbon_api.deletions.api import bp as deletions_api
from dcarbon_api.deletions.receipts import bp as deletion_receipts
from dcarbon_api.deletions.routes import bp as account_deletion
from dcarbon_api.exports.api import bp as exports_api
from dcarbon_api.exports.routes import bp as exports
from dcarbon_api.facilities.routes import bp as facilities
from dcarbon_api.facility_settings.routes import bp as facility_settings
from dcarbon_api.generating_units.routes import bp as generating_units
from dcarbon_api.generation.routes import bp as generation
from dcarbon_api.generation.wording import bp as generation_wording
from dcarbon_api.generation_reports.api import bp as generation_reports_api
from dcarbon_api.generation_reports.routes import bp as generation_reports
from dcarbon_api.generation_reports.showing import bp as generation_report_words
from dcarbon_api.green_button.routes import bp as green_button
from dcarbon_api.health.routes import bp as health
from dcarbon_api.intervals.routes import bp as intervals
from dcarbon_api.invitations.routes import bp as invitations
from dcarbon_api.json_answers import OrjsonProvider
from dcarbon_api.meters.routes import bp as meters
from dcarbon_api.metrics import request_times
from dcarbon_api.metrics.routes import bp as metrics
from dcarbon_api.new_facility.routes import bp as new_facility
from dcarbon_api.operators.routes import bp as operators
from dcarbon_api.pages.routes import bp as pages
from dcarbon_api.readings.api import bp as readings_api
from dcarbon_api.readings.routes import bp as readings
from dcarbon_api.registrations.routes import bp as registrations
from dcarbon_api.security import access, csrf, headers, proxies, request_ids, sessions
from dcarbon_api.security.proxies import Trusted
from dcarbon_api.sign_in.company import bp as company_sign_in
from dcarbon_api.sign_in.routes import bp as sign_in
from dcarbon_api.utilities.routes import bp as utilities
from dcarbon_api.utilityapi.routes import bp as utilityapi
from dcarbon_api.words import bp as words

AREAS = (
    pages,
    sign_in,
    company_sign_in,
    account,
    health,
    metrics,
    green_button,
    utilityapi,
    facilities,
    authorizations,
    registrations,
    invitations,
    utilities,
    account_api,
    meters,
    intervals,
    daily_energy,
    exports_api,
    exports,
    words,
    dashboard,
    new_facility,
    connection,
    operators,
    facility_settings,
    generation,
    generation_wording,
    generating_units,
    generation_reports,
    generation_reports_api,
    generation_report_words,
    readings,
    readings_api,
    coverage,
    coverage_api,
    changes,
    changes_api,
    activity,
    activity_api,
    admin_audit,
    admin_audit_api,
    admin_authorizations,
    admin_authorizations_api,
    admin_authorization,
    admin_authorization_actions,
    admin_authorization_api,
    admin_authorization_words,
    admin_words,
    admin_bulk,
    admin_bulk_api,
    account_deletion,
    admin_deletions,
    deletions_api,
    deletion_receipts,
    admin_system,
    admin_system_api,
)

_LARGEST_BODY = 128 * 1024
"""No JSON of ours is larger; routes that take more or less say so."""


HTMX_CONFIG = json.dumps(
    {
        # Nothing from a string, nothing inline, nothing from elsewhere, no pages kept in storage.
        "allowEval": False,
        "allowScriptTags": False,
        "includeIndicatorStyles": False,
        "selfRequestsOnly": True,
        "historyCacheSize": 0,
        # A refused form comes back with its errors: that is content, too.
        "responseHandling": [
            {"code": "204", "swap": False},
            {"code": "[23]..", "swap": True},
            {"code": "422", "swap": True},
            {"code": "[45]..", "swap": False, "error": True},
        ],
    }
)


class _App(Flask):
    json_provider_class = OrjsonProvider
    request_class = CappedRequest


def create_app(runtime: Runtime) -> Flask:
    """Return the application over an open runtime; the caller closes the runtime.

    Raises :class:`AccessUndeclared` when a route does not say who may use it.
    """
    app = _App(__name__)
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST_BODY
    app.extensions[EXTENSION] = runtime
    sessions.configure(app)
    csrf.configure(app)
    chosen = runtime.settings
    proxies.configure(app, Trusted(chosen.trusted_proxies, chosen.trusted_networks))
    app.url_map.strict_slashes = False
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(
        admin_tabs=navigation.admin_tabs,
        asset=assets.address,
        csp_nonce=headers.nonce,
        facility_tabs=navigation.facility_tabs,
        htmx_config=HTMX_CONFIG,
        integrity=assets.integrity,
        navigation=navigation.entries,
        page_address=navigation.page_address,
        svg_icon=assets.icon,
        vendored=assets.vendored,
        history_days=runtime.settings.history_days,
    )
    app.context_processor(lambda: {"viewer": sessions.viewer()})
    access.public(app.view_functions["static"])
    for area in AREAS:
        app.register_blueprint(area)
    twins.pair(app)
    request_times.count(app)
    _hook(app)
    problems.register(app)
    access.require_declarations(app)
    return app


def _hook(app: Flask) -> None:
    """Put the hooks in order: ids, log, access; after the view the log is the last to speak."""
    app.before_request(request_ids.assign)
    app.before_request(twins.choose)
    app.before_request(request_log.begin)
    app.before_request(access.enforce)
    # Flask runs these from the last to the first.
    app.after_request(request_log.finish)
    app.after_request(headers.add)
    app.after_request(request_ids.add)
    app.teardown_request(request_ids.forget)
