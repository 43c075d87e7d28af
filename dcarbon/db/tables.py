"""All tables in one import, for migrations and for tests that compare them with the models."""

from dcarbon.db.audit import AuditCheckpoint, AuditEntry
from dcarbon.db.authorizations import Authorization, AuthorizationSession, Grant
from dcarbon.db.base import Base
from dcarbon.db.bulk_actions import BulkAction, BulkActionItem
from dcarbon.db.deletions import DeletionRequest, LeavingPayload
from dcarbon.db.derived_energy import (
    ChangedSeriesDays,
    ChangedUnitMonths,
    DailyEnergy,
    HourlyExportDay,
    MonthlyGeneration,
)
from dcarbon.db.facilities import Facility, FacilityRole
from dcarbon.db.generating_units import ChannelEligibility, GeneratingUnit, MeterClaim
from dcarbon.db.generation_reports import GenerationReport, LedgerEntry
from dcarbon.db.heartbeats import Heartbeat
from dcarbon.db.interval_days import (
    IntervalDay,
    IntervalDayHistory,
    PeriodReading,
    PeriodReadingHistory,
)
from dcarbon.db.mails import Mail
from dcarbon.db.meters import CoverageDay, Meter, MeterChannel, Series
from dcarbon.db.payloads import AwaitedBatch, LandedPayload
from dcarbon.db.people import ApiToken, Person
from dcarbon.db.provider_states import (
    PlatformSecret,
    ProviderEvent,
    ProviderState,
    ProviderTurn,
)
from dcarbon.db.registrations import Invitation, Registration
from dcarbon.db.replays import Replay
from dcarbon.db.sealing_keys import SealingKey
from dcarbon.db.sign_in import SignInLink, WebSession
from dcarbon.db.work_orders import SyncAttempt, WorkOrder

metadata = Base.metadata

__all__ = [
    "ApiToken",
    "AuditCheckpoint",
    "AuditEntry",
    "Authorization",
    "AuthorizationSession",
    "AwaitedBatch",
    "BulkAction",
    "BulkActionItem",
    "ChangedSeriesDays",
    "ChangedUnitMonths",
    "ChannelEligibility",
    "CoverageDay",
    "DailyEnergy",
    "DeletionRequest",
    "Facility",
    "FacilityRole",
    "GeneratingUnit",
    "GenerationReport",
    "Grant",
    "Heartbeat",
    "HourlyExportDay",
    "IntervalDay",
    "IntervalDayHistory",
    "Invitation",
    "LandedPayload",
    "LeavingPayload",
    "LedgerEntry",
    "Mail",
    "Meter",
    "MeterChannel",
    "MeterClaim",
    "MonthlyGeneration",
    "PeriodReading",
    "PeriodReadingHistory",
    "Person",
    "PlatformSecret",
    "ProviderEvent",
    "ProviderState",
    "ProviderTurn",
    "Registration",
    "Replay",
    "SealingKey",
    "Series",
    "SignInLink",
    "SyncAttempt",
    "WebSession",
    "WorkOrder",
    "metadata",
]
