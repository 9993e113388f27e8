"""Events are kept for 30 days, and with them their deliveries and attempts. Counts stay (models.DeliveryCount)."""

import time
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from brands.models import Workspace
from integrations.feed import number_events
from integrations.models import Attempt, Delivery, Event, EventFeed, WebhookSubscription
from integrations.webhooks.counts import COUNT

KEPT_FOR = timedelta(days=30)
BATCH = 500
MAX_SECONDS = 300.0

# The subscriptions first, as in settlement.py. A delivery that was never finished is counted as expired.
KEEP_SUBSCRIPTIONS = f"""
    SELECT 1 FROM {WebhookSubscription._meta.db_table} WHERE workspace_id = %s ORDER BY id FOR KEY SHARE
"""  # noqa: S608 - a table's name
EXPIRED = """
    SELECT workspace_id, subscription_id, 'expired' AS status, '' AS outcome FROM owed WHERE status IN ('pending', 'held')
"""
FORGET = f"""
    WITH old AS (
        SELECT id, number FROM {Event._meta.db_table} WHERE workspace_id = %(workspace)s AND created_at < %(before)s
        ORDER BY created_at LIMIT %(limit)s
    ), owed AS (
        DELETE FROM {Delivery._meta.db_table} WHERE event_id IN (SELECT id FROM old)
        RETURNING id, workspace_id, subscription_id, status
    ), tried AS (
        DELETE FROM {Attempt._meta.db_table} WHERE delivery_id IN (SELECT id FROM owed)
    ), counted AS (
        {COUNT.format(rows=EXPIRED)}
    ), forgotten AS (
        DELETE FROM {Event._meta.db_table} WHERE id IN (SELECT id FROM old) RETURNING number
    ), marked AS (
        UPDATE {EventFeed._meta.db_table} SET forgotten_number =
            greatest(forgotten_number, (SELECT coalesce(max(number), 0) FROM forgotten))
        WHERE workspace_id = %(workspace)s
    )
    SELECT count(*) FROM forgotten
"""  # noqa: S608 - tables' names


def forget_events() -> int:
    """Delete what is over 30 days old, in small batches, for at most five minutes; how many events."""
    before, until, forgotten = timezone.now() - KEPT_FOR, time.monotonic() + MAX_SECONDS, 0
    for workspace_id in Workspace.objects.values_list("pk", flat=True):
        old = Event.objects.filter(workspace_id=workspace_id, created_at__lt=before)
        while old.exists() and time.monotonic() < until:
            while number_events(workspace_id):  # a reader of the feed is told only of what had a number
                pass
            forgotten += _forget_batch(workspace_id, before)
    return forgotten


@transaction.atomic
def _forget_batch(workspace_id: UUID, before: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(KEEP_SUBSCRIPTIONS, [workspace_id])
        values: dict[str, Any] = {
            "workspace": workspace_id,
            "before": before,
            "limit": BATCH,
            "day": timezone.now().date(),
        }
        cursor.execute(FORGET, values)
        forgotten: int = cursor.fetchone()[0]
    return forgotten
