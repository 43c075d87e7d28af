"""What is still landed after access has ended here, before the provider is told.

Only where the consent still stands: an administrator ended the access, or somebody at the facility
chose to have the outstanding readings fetched. A provider that is told deletes what it holds.
"""

from __future__ import annotations

from datetime import timedelta

from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain.errors import ClientCredentialsRejected, ProviderUnavailable
from dcarbon.services import collection, work
from dcarbon.services.runtime import Runtime

LAND_WITHIN = timedelta(days=1)
"""After that the access is ended at the provider with whatever has been landed."""

_LANDED = "landed"


def require_landed(runtime: Runtime, order: WorkOrder) -> None:
    """Land once what is new, if the order asks for it. People see nothing of the access meanwhile.

    Raises :class:`ProviderUnavailable` or :class:`ClientCredentialsRejected` when it is worth
    trying again before the provider is told; whatever else stands in the way is not waited for.
    """
    if not order.final or order.progress.get(_LANDED):
        return
    is_late = runtime.now() - order.opened_at >= LAND_WITHIN
    outcome = collection.collect(runtime, order.authorization_id, final=True)
    if not is_late and isinstance(outcome.error, ProviderUnavailable | ClientCredentialsRejected):
        raise outcome.error
    if not is_late and outcome.waiting:
        raise ProviderUnavailable("the provider is preparing the last readings")
    work.note_progress(runtime.sessions, order.id, **{_LANDED: True, "readings": outcome.readings})
