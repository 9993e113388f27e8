"""record_event(): an event exists if and only if the change it tells of has committed."""

from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.utils import timezone

from integrations.models import Delivery, Event, EventName, WebhookSubscription
from praxtalk.data.clock import to_milliseconds
from praxtalk.data.ids import new_id
from praxtalk.live.topics import changed

WEBHOOKS_DUE = "webhooks.due"

Status = WebhookSubscription.Status

# FOR KEY SHARE: a subscription deleted meanwhile waits for this commit, and takes its deliveries with it. (Without, the
# foreign key would fail our caller's commit.)
SUBSCRIBERS = f"""
    SELECT id, status FROM {WebhookSubscription._meta.db_table}
    WHERE workspace_id = %s AND (status = 'active' OR holds_events) AND %s = ANY(events)
        AND (brand_id IS NULL OR brand_id = %s)
    FOR KEY SHARE
"""  # noqa: S608 - a table's name


def record_event(name: EventName, *, workspace_id: UUID, brand_id: UUID | None, data: dict[str, Any]) -> Event:
    """Write the event and one delivery for each matching subscription, in the caller's transaction. Paused ones get theirs held.

    data: the objects in their REST shape; the body made of it here is what every attempt sends, byte for byte.
    Raises TransactionManagementError outside a transaction: the event would not stand or fall with its change.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("record_event() belongs into the transaction of the change")
    event_id, now = new_id(), timezone.now()
    body = {
        "id": str(event_id),
        "type": name.value,
        "createdAt": to_milliseconds(now),
        "workspaceId": str(workspace_id),
        "brandId": str(brand_id) if brand_id else None,
        "data": data,
    }
    event = Event.objects.create(
        id=event_id, workspace_id=workspace_id, brand_id=brand_id, name=name, body=orjson.dumps(body), created_at=now
    )
    subscribers = _subscribers(event)
    if subscribers:
        Delivery.objects.bulk_create(
            Delivery(
                workspace_id=workspace_id,
                subscription_id=subscription,
                event=event,
                status=Delivery.Status.PENDING if status == Status.ACTIVE else Delivery.Status.HELD,
                next_attempt_at=now,
                created_at=now,
            )
            for subscription, status in subscribers
        )
        changed(WEBHOOKS_DUE)
    return event


def _subscribers(event: Event) -> list[tuple[UUID, str]]:
    """Who is to get it, each with the status of the subscription."""
    with connection.cursor() as cursor:
        cursor.execute(SUBSCRIBERS, [event.workspace_id, event.name, event.brand_id])
        found: list[tuple[UUID, str]] = cursor.fetchall()
        return found
