"""Lease due deliveries, release expired leases, and hold the deliveries of paused subscriptions."""

from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from integrations import sql
from integrations.models import Delivery, WebhookSubscription
from integrations.models.subscriptions import signing_secrets
from integrations.webhooks.delivery import (
    LEASE,
    MAX_IN_FLIGHT,
    MAX_IN_FLIGHT_FAILING,
    MAX_INTERRUPTIONS,
    ClaimedDelivery,
)
from praxtalk.core.db.ids import new_id

PAUSE_BATCH_SIZE = 1000
CLAIM_LOCK_KEY = 0x70747821  # key of the advisory lock, an arbitrary number


def claim(limit: int, per_subscription: int = MAX_IN_FLIGHT) -> list[ClaimedDelivery]:
    """Lease at most `limit` due deliveries and start an attempt of each. Return them.

    A subscription has at most `per_subscription` deliveries in flight. While it is failing, the maximum is
    MAX_IN_FLIGHT_FAILING, if that is fewer.
    """
    now, lease = timezone.now(), new_id()
    values: dict[str, Any] = {
        "now": now,
        "limit": limit,
        "lease": lease,
        "leased_until": now + LEASE,
        "in_flight": per_subscription,
        "in_flight_failing": min(per_subscription, MAX_IN_FLIGHT_FAILING),
    }
    with connection.cursor() as cursor:
        with transaction.atomic():
            cursor.execute(sql.LOCK_CLAIMS, [CLAIM_LOCK_KEY])
            cursor.execute(sql.LEASE_DUE, values)
            leased = cursor.fetchall()
            if not leased:
                return []
            ids, workspaces, numbers, triggers = (list(column) for column in zip(*leased, strict=True))
            cursor.execute(sql.ADD_ATTEMPTS, [now, [new_id() for _ in ids], ids, workspaces, numbers, triggers])
        cursor.execute(sql.READ_CLAIMED, [ids, lease])
        return [_claimed(row, now) for row in cursor.fetchall()]


def _claimed(row: tuple[Any, ...], now: datetime) -> ClaimedDelivery:
    values = (*row[:8], signing_secrets(*row[11:], moment=now), *row[8:11])  # in the order of ClaimedDelivery's fields
    return ClaimedDelivery(*values)


def release_expired() -> int:
    """Release leases that have expired because their worker died, so that the deliveries are due again. Return how many."""
    now = timezone.now()
    if not Delivery.objects.filter(lease__isnull=False, leased_until__lt=now).exists():
        return 0
    with connection.cursor() as cursor:
        cursor.execute(sql.RELEASE_EXPIRED, {"now": now, "day": now.date(), "max_interruptions": MAX_INTERRUPTIONS})
        released: int = cursor.fetchone()[0]
    return released


def apply_pauses() -> int:
    """Hold pending deliveries of paused subscriptions, and make held deliveries of active ones pending. Return how many changed.

    Each call changes at most PAUSE_BATCH_SIZE of either kind.
    """
    return _move(sql.PENDING, WebhookSubscription.Status.PAUSED, Delivery.Status.HELD) + _move(
        sql.HELD, WebhookSubscription.Status.ACTIVE, Delivery.Status.PENDING
    )


def _move(condition: str, webhook_status: WebhookSubscription.Status, new_status: Delivery.Status) -> int:
    """Set the status of deliveries that meet the condition, for subscriptions with this status. Return how many."""
    with connection.cursor() as cursor:
        cursor.execute(sql.FIND_SUBSCRIPTIONS.format(condition=condition), [webhook_status])
        subscriptions = [row[0] for row in cursor.fetchall()]
        if not subscriptions:
            return 0
        cursor.execute(
            sql.MOVE_DELIVERIES.format(condition=condition),
            [new_status, timezone.now(), subscriptions, PAUSE_BATCH_SIZE],
        )
        moved: int = cursor.rowcount
        return moved
