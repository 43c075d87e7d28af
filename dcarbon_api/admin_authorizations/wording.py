"""Words of the pages for administrators, as filters and lists of the templates."""

from __future__ import annotations

from flask import Blueprint

from dcarbon.domain import admin_status, bulk_actions, texts
from dcarbon.domain.admin_status import AdminStatus, Collecting
from dcarbon.domain.bulk_actions import Effect, Stage

bp = Blueprint("admin_words", __name__)


@bp.app_template_filter()
def admin_status_name(status: AdminStatus) -> str:
    return admin_status.LABELS[status]


@bp.app_template_filter()
def sync_health_name(collecting: Collecting) -> str:
    return admin_status.COLLECTING_LABELS[collecting]


@bp.app_template_filter()
def bulk_effect(effect: Effect) -> str:
    return bulk_actions.EFFECTS[effect]


@bp.app_template_filter()
def bulk_stage(stage: Stage) -> str:
    return bulk_actions.STAGES[stage]


@bp.app_template_filter()
def failure_title(code: str) -> str:
    """Return what a code is about, in a few words."""
    return texts.of(code).title


@bp.app_template_global()
def admin_statuses() -> list[tuple[str, str]]:
    """Return the statuses one can filter by, with their words."""
    return [(status.value, label) for status, label in admin_status.LABELS.items()]


@bp.app_template_global()
def sync_healths() -> list[tuple[str, str]]:
    """Return the ways of collecting one can filter by, with their words."""
    return [(one.value, label) for one, label in admin_status.COLLECTING_LABELS.items()]
