"""What is answered about how the house is."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from dcarbon.domain.system_words import PARTS, State
from dcarbon.services.system_checks import Finding
from dcarbon.services.system_state import SystemState
from dcarbon_api.fields import AnswerModel


class FindingAnswer(AnswerModel):
    """What is to be said of one part of the house."""

    part: str = Field(examples=["mail"])
    part_name: str = Field(examples=["Mail"])
    state: State
    code: str = Field(description="A stable word for programs.", examples=["mailer_silent"])
    title: str
    what_happened: str
    what_to_do: str | None = Field(description="Null where nothing is to be done.")

    @classmethod
    def of(cls, finding: Finding) -> FindingAnswer:
        text = finding.text
        return FindingAnswer(
            part=finding.part,
            part_name=PARTS[finding.part],
            state=finding.state,
            code=finding.code,
            title=text.title,
            what_happened=text.what_happened,
            what_to_do=text.what_to_do or None,
        )


class SystemAnswer(AnswerModel):
    """How the house was at `at`; the worst finding first, and its state for the whole."""

    at: datetime
    state: State
    findings: list[FindingAnswer]

    @classmethod
    def of(cls, found: SystemState) -> SystemAnswer:
        findings = [FindingAnswer.of(each) for each in found.findings]
        return cls(at=found.at, state=found.state, findings=findings)
