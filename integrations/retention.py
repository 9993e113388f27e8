"""Delete events after 30 days, with their deliveries and attempts. The counts are kept (models.DeliveryCount).

The events about a person who is erased are deleted immediately, including deliveries that are still pending.
"""

import time
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from accounts.models import Workspace
from integrations.feed import number_events
from integrations.models import Attempt, Delivery, Event, EventFeed, WebhookSubscription
from integrations.webhooks.stats import ADD_COUNTS
from praxtalk.core.db.transactions import joined_transaction

RETENTION = timedelta(days=30)
BATCH = 500
MAX_SECONDS = 300.0

# The subscriptions are locked first, as in webhooks/results.py. A delivery that was never finished is counted as expired.
LOCK_SUBSCRIPTIONS = f"""
    SELECT 1 FROM {WebhookSubscription._meta.db_table} WHERE workspace_id = %s ORDER BY id FOR KEY SHARE
"""  # noqa: S608 - no user input
EXPIRED = """
    SELECT workspace_id, subscription_id, 'expired' AS status, '' AS outcome FROM owed WHERE status IN ('pending', 'held')
"""
PURGE = f"""
    WITH old AS (
        SELECT id, number FROM {Event._meta.db_table} WHERE workspace_id = %(workspace)s AND created_at < %(before)s
        ORDER BY created_at LIMIT %(limit)s
    ), owed AS (
        DELETE FROM {Delivery._meta.db_table} WHERE event_id IN (SELECT id FROM old)
        RETURNING id, workspace_id, subscription_id, status
    ), tried AS (
        DELETE FROM {Attempt._meta.db_table} WHERE delivery_id IN (SELECT id FROM owed)
    ), counted AS (
        {ADD_COUNTS.format(rows=EXPIRED)}
    ), purged AS (
        DELETE FROM {Event._meta.db_table} WHERE id IN (SELECT id FROM old) RETURNING number
    ), marked AS (
        UPDATE {EventFeed._meta.db_table} SET purged_up_to =
            greatest(purged_up_to, (SELECT coalesce(max(number), 0) FROM purged))
        WHERE workspace_id = %(workspace)s
    )
    SELECT count(*) FROM purged
"""  # noqa: S608 - no user input


def purge_events() -> int:
    """Delete the events that are over 30 days old, in small batches, for at most five minutes. Return how many."""
    before, until, purged = timezone.now() - RETENTION, time.monotonic() + MAX_SECONDS, 0
    for workspace_id in Workspace.objects.values_list("pk", flat=True):
        old = Event.objects.filter(workspace_id=workspace_id, created_at__lt=before)
        while old.exists() and time.monotonic() < until:
            while number_events(workspace_id)[1]:  # `purged_up_to` can cover only events that have one
                pass
            purged += _purge_batch(workspace_id, before)
    return purged


@joined_transaction()
def _purge_batch(workspace_id: UUID, before: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(LOCK_SUBSCRIPTIONS, [workspace_id])
        values: dict[str, Any] = {
            "workspace": workspace_id,
            "before": before,
            "limit": BATCH,
            "day": timezone.now().date(),
        }
        cursor.execute(PURGE, values)
        purged: int = cursor.fetchone()[0]
    return purged


PURGE_ABOUT = f"""
    WITH about AS (
        SELECT id FROM {Event._meta.db_table}
        WHERE workspace_id = %(workspace)s AND brand_id = %(brand)s AND created_at >= %(since)s
            AND convert_from(body, 'UTF8') ~ %(ids)s
    ), owed AS (
        DELETE FROM {Delivery._meta.db_table} WHERE event_id IN (SELECT id FROM about) RETURNING id
    ), tried AS (
        DELETE FROM {Attempt._meta.db_table} WHERE delivery_id IN (SELECT id FROM owed)
    )
    DELETE FROM {Event._meta.db_table} WHERE id IN (SELECT id FROM about)
"""  # noqa: S608 - no user input


def purge_events_about(workspace_id: UUID, brand_id: UUID, ids: list[UUID], *, since: datetime) -> int:
    """Delete the brand's events created since `since` whose bodies contain one of these ids. Return how many.

    This runs in the caller's transaction. The deliveries and attempts of the events are deleted too.
    """
    while number_events(workspace_id)[1]:
        pass
    pattern = "|".join(map(str, ids))
    values: dict[str, Any] = {"workspace": workspace_id, "brand": brand_id, "since": since, "ids": pattern}
    with connection.cursor() as cursor:
        cursor.execute(LOCK_SUBSCRIPTIONS, [workspace_id])
        cursor.execute(PURGE_ABOUT, values)
        purged: int = cursor.rowcount
    return purged
