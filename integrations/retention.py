"""Delete events after 30 days, with their deliveries and attempts. The counts are kept (models.DeliveryCount).

When a visitor is erased, the events about them are deleted immediately, with deliveries that are still pending.
"""

import time
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from accounts.models import Workspace
from integrations import sql
from integrations.feed import number_events
from integrations.models import Event
from praxtalk.core.db.transactions import joined_transaction

RETENTION = timedelta(days=30)
BATCH = 500
MAX_SECONDS = 300.0


def purge_events() -> int:
    """Delete the events that are over 30 days old, in small batches, for at most five minutes. Return how many."""
    before, deadline, purged = timezone.now() - RETENTION, time.monotonic() + MAX_SECONDS, 0
    for workspace_id in Workspace.objects.values_list("pk", flat=True):
        old = Event.objects.filter(workspace_id=workspace_id, created_at__lt=before)
        while old.exists() and time.monotonic() < deadline:
            while number_events(workspace_id)[1]:  # only numbered events can be below `purged_up_to`
                pass
            purged += _purge_batch(workspace_id, before)
    return purged


@joined_transaction()
def _purge_batch(workspace_id: UUID, before: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql.LOCK_SUBSCRIPTIONS_OF_WORKSPACE, [workspace_id])
        values: dict[str, Any] = {
            "workspace": workspace_id,
            "before": before,
            "limit": BATCH,
            "day": timezone.now().date(),
        }
        cursor.execute(sql.PURGE_EVENTS, values)
        purged: int = cursor.fetchone()[0]
    return purged


def purge_events_about(workspace_id: UUID, brand_id: UUID, ids: list[UUID], *, since: datetime) -> int:
    """Delete the brand's events created since `since` whose bodies contain one of these ids. Return how many.

    This runs in the caller's transaction. The deliveries and attempts of the events are deleted too.
    """
    while number_events(workspace_id)[1]:
        pass
    pattern = "|".join(map(str, ids))
    values: dict[str, Any] = {"workspace": workspace_id, "brand": brand_id, "since": since, "ids": pattern}
    with connection.cursor() as cursor:
        cursor.execute(sql.LOCK_SUBSCRIPTIONS_OF_WORKSPACE, [workspace_id])
        cursor.execute(sql.PURGE_EVENTS_ABOUT, values)
        purged: int = cursor.rowcount
    return purged
