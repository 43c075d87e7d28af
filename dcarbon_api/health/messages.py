"""What the health addresses answer."""

from __future__ import annotations

from typing import Literal

from dcarbon_api.fields import AnswerModel


class Health(AnswerModel):
    status: Literal["ok"] = "ok"
