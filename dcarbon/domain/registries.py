"""REC registries as dated, sourced data: how a monthly file looks there and until when it may come.

What no public text says is not guessed: it stands in ``open_questions``, and a profile whose
format nobody has confirmed says so. A changed rule is a changed profile with a new ``edition``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from dcarbon.domain.errors import InvalidInput


class Standing(StrEnum):
    DOCUMENTED = "documented"
    UNCONFIRMED = "unconfirmed"


@dataclass(frozen=True, slots=True)
class Source:
    """A published text. ``dated`` is its own date, ``None`` where it bears none."""

    title: str
    where: str
    dated: date | None


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the cycle after a month; days count from 1, the day after the month's last."""

    name: str
    first_day: int
    last_day: int
    source: Source


@dataclass(frozen=True, slots=True)
class Window:
    """For how many days after a month's last day something is taken, as one text has it.

    The bounds say for which nameplates: above ``above_kw``, up to and with ``up_to_kw``.
    """

    days: int
    source: Source
    above_kw: Decimal | None = None
    up_to_kw: Decimal | None = None

    def is_for(self, nameplate_kw: Decimal) -> bool:
        above = self.above_kw is None or nameplate_kw > self.above_kw
        return above and (self.up_to_kw is None or nameplate_kw <= self.up_to_kw)


@dataclass(frozen=True, slots=True)
class FileFormat:
    """How the monthly file is written. All of them: ASCII, commas, no empty row at the end."""

    columns: tuple[str, ...]
    has_header: bool
    decimals: int
    """Of the MWh. What is finer is cut, never rounded up: it was not generated in full."""
    id_prefixes: tuple[str, ...]
    """What people write before the generator's number and the file must not have."""
    falls_back_to_generator_id: bool
    """The generator's id also stands for a reporting unit id that was never given."""
    adjustment_word: str | None
    """What a further column of a correction says; ``None``: no text says how to mark one."""
    source: Source
    vintage_format: str = "%m/%Y"
    date_format: str = "%m/%d/%Y"


@dataclass(frozen=True, slots=True)
class RegistryProfile:
    """One registry.

    ``reporting`` and ``adjustments`` list every published text, the one we go by first: where they
    differ, people are told both.
    """

    key: str
    name: str
    edition: date
    standing: Standing
    standing_words: str
    file: FileFormat
    cycle: tuple[Step, ...]
    reporting: tuple[Window, ...]
    adjustments: tuple[Window, ...]
    feasibility_factor: Decimal
    """Of nameplate times hours: more cannot have been generated."""
    feasibility_source: Source
    open_questions: tuple[str, ...]

    @property
    def is_confirmed(self) -> bool:
        return self.standing is Standing.DOCUMENTED


def windows_for(windows: tuple[Window, ...], nameplate_kw: Decimal) -> tuple[Window, ...]:
    """Return the windows that hold for a unit of this size, in their order."""
    return tuple(window for window in windows if window.is_for(nameplate_kw))


def profiles() -> Mapping[str, RegistryProfile]:
    """Return every registry we write files for, by key, in the order a person is shown them."""
    return _PROFILES


def of(key: str) -> RegistryProfile:
    """Return a registry's profile. Raises :class:`InvalidInput` (``registry_unknown``)."""
    try:
        return _PROFILES[key]
    except KeyError as error:
        raise InvalidInput(f"no registry {key}", code="registry_unknown") from error


_HELP = Source(
    "M-RETS help: generation upload format",
    "github.com/mrets/Help, generation_upload_format",
    date(2025, 7, 28),
)
_HELP_ADJUSTMENTS = Source(
    "M-RETS help: generation adjustments, with a sample file",
    "github.com/mrets/Help, generation_adjustments",
    date(2025, 7, 28),
)
_PROCEDURES = Source(
    "M-RETS operating procedures, 4.4",
    "github.com/mrets/Operating-Procedures, section 4.4",
    date(2026, 6, 10),
)
_DECK = Source(
    "WREGIS training: allocation, multi-fuel and aggregated meters",
    "a slide deck of February 2015, found on sambuz.com",
    date(2015, 2, 1),
)
_NC_RETS = Source(
    "NC-RETS help: report generation data by a qualified reporting entity",
    "ncrets.zendesk.com, article 360008979253",
    None,
)
_MIRECS = Source(
    "MIRECS help: report generation data by a qualified reporting entity",
    "mirecs.zendesk.com, article 360009502793",
    None,
)
_MIRECS_FEASIBILITY = Source(
    "MIRECS help: validity check and feasibility failure review",
    "mirecs.zendesk.com, article 360010240314",
    None,
)
_BOUND = "physical bound: a unit cannot generate more than its nameplate at every hour"

_SMALL_KW = Decimal(150)
_MRETS_REPORTING = (
    Window(62, _PROCEDURES, above_kw=_SMALL_KW),
    Window(365, _PROCEDURES, up_to_kw=_SMALL_KW),
)
_MRETS_ADJUSTMENTS = (Window(730, _HELP_ADJUSTMENTS), *_MRETS_REPORTING)
_HOURS_UNKNOWN = (
    "How the hours 1 to 24 are numbered on the days when the clocks change. It matters for hourly "
    "files only."
)


def _mrets_file(*, prefix: str) -> FileFormat:
    return FileFormat(
        columns=(
            "Generator ID",
            "Reporting Unit ID",
            "Vintage",
            "Start Date",
            "End Date",
            "Total MWh",
        ),
        # The one sample file that is published begins with its first row of data.
        has_header=False,
        decimals=3,
        id_prefixes=(prefix,),
        falls_back_to_generator_id=True,
        adjustment_word="Adjustment",
        source=_HELP,
    )


def _project_file(source: Source) -> FileFormat:
    return FileFormat(
        columns=("PROJECTID", "REPORTINGENTITYID", "VINTAGE", "FROMDATE", "TODATE", "TOTALMWH"),
        has_header=True,
        decimals=3,
        id_prefixes=(),
        falls_back_to_generator_id=False,
        adjustment_word=None,
        source=source,
    )


_WREGIS = RegistryProfile(
    key="wregis",
    name="WREGIS",
    edition=date(2026, 6, 10),
    standing=Standing.UNCONFIRMED,
    standing_words="The current WREGIS file format is not public. We write the documented format "
    "of M-RETS, which runs the same software, until somebody with an account confirms it.",
    file=_mrets_file(prefix="W"),
    cycle=(
        Step("Report the month", 1, 75, _DECK),
        Step("Approval, and corrections of the current period", 76, 82, _DECK),
        Step("Quiet period", 83, 89, _DECK),
        Step("Certificates are created", 90, 90, _DECK),
        Step("Adjustments", 90, 730, _DECK),
    ),
    reporting=(Window(75, _DECK),),
    adjustments=(Window(730, _DECK),),
    feasibility_factor=Decimal(1),
    feasibility_source=Source(_BOUND, "no published factor was found", None),
    open_questions=(
        "The file format of today: it can be read with a WREGIS account only.",
        "Whether the cycle of 2015 still holds: newer practice is the same calendar quarter.",
        "Up to which size a unit's owner may report by themselves.",
        _HOURS_UNKNOWN,
    ),
)
_M_RETS = RegistryProfile(
    key="mrets",
    name="M-RETS",
    edition=date(2026, 6, 10),
    standing=Standing.DOCUMENTED,
    standing_words="The format is documented publicly. Watch the first upload: the published "
    "sample of an adjustment breaks the date rule of the same documentation.",
    file=_mrets_file(prefix="M"),
    cycle=(),
    reporting=_MRETS_REPORTING,
    adjustments=_MRETS_ADJUSTMENTS,
    feasibility_factor=Decimal(1),
    feasibility_source=Source(
        f"{_BOUND}; the factor M-RETS applies by fuel is not published", _HELP.where, _HELP.dated
    ),
    open_questions=(
        "Whether a first row with column names is accepted; the published sample has none.",
        "Which published window is applied: 730 days, or 62 above 150 kW and 365 up to 150 kW.",
        _HOURS_UNKNOWN,
    ),
)
_NC = RegistryProfile(
    key="ncrets",
    name="NC-RETS",
    edition=date(2026, 6, 10),
    standing=Standing.DOCUMENTED,
    standing_words="The format is documented publicly.",
    file=_project_file(_NC_RETS),
    cycle=(),
    reporting=(),
    adjustments=(),
    feasibility_factor=Decimal(1),
    feasibility_source=Source(_BOUND, _NC_RETS.where, None),
    open_questions=(
        "How a correction is marked in the file, and until when one is taken.",
        "Until when a month may be reported.",
    ),
)
_MI = RegistryProfile(
    key="mirecs",
    name="MIRECS",
    edition=date(2026, 6, 10),
    standing=Standing.UNCONFIRMED,
    standing_words="Two texts differ: one gives the columns written here, an example in the "
    "registry's help gives other names (MIRECSID, REPORTINGID, FROM, TO) and a seventh column. "
    "Compare with the registry's own page before you upload.",
    file=_project_file(_MIRECS),
    cycle=(),
    reporting=(),
    adjustments=(),
    feasibility_factor=Decimal(1),
    feasibility_source=Source(
        f"{_BOUND}; MIRECS adds a capacity factor and a threshold it does not publish",
        _MIRECS_FEASIBILITY.where,
        None,
    ),
    open_questions=(
        "Which of the two published headers is accepted.",
        "How a correction is marked in the file, and until when one is taken.",
        "Until when a month may be reported.",
    ),
)
_PROFILES: Mapping[str, RegistryProfile] = MappingProxyType(
    {profile.key: profile for profile in (_WREGIS, _M_RETS, _NC, _MI)}
)
