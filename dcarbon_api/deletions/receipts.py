"""Receipts for whoever has their address: the person has no account any more."""

from __future__ import annotations

from flask import Blueprint, Response, render_template
from flask.typing import ResponseReturnValue

from dcarbon.services import deletion_receipts
from dcarbon.services.deletion_receipts import Receipt
from dcarbon_api.context import current_runtime
from dcarbon_api.deletions.files import as_json, as_pdf
from dcarbon_api.security.access import public

bp = Blueprint("deletion_receipts", __name__, url_prefix="/deletion-receipts/<secret>")


@bp.get("")
@public
def show(secret: str) -> ResponseReturnValue:
    """Show what was deleted and what was kept."""
    return render_template("deletions/receipt.html", receipt=_receipt(secret), secret=secret)


@bp.get("/receipt.pdf")
@public
def pdf(secret: str) -> Response:
    """Return the receipt to be filed."""
    return as_pdf(_receipt(secret))


@bp.get("/receipt.json")
@public
def json(secret: str) -> Response:
    """Return the complete receipt."""
    return as_json(_receipt(secret))


def _receipt(secret: str) -> Receipt:
    with current_runtime().sessions() as session:
        return deletion_receipts.by_link(session, secret)
