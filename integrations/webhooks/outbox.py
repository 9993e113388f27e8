"""The transactional outbox: an event exists if and only if the change that it describes has committed."""

from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.utils import timezone

from integrations import sql
from integrations.models import Delivery, Event, EventName, WebhookSubscription
from integrations.serializers.events import event_json
from praxtalk.core.db.ids import new_id
from praxtalk.core.live.topics import publish_on_commit

WEBHOOKS_DUE = "webhooks.due"

Status = WebhookSubscription.Status


def record_event(name: EventName, *, workspace_id: UUID, brand_id: UUID | None, data: dict[str, Any]) -> Event:
    """Insert an event and one delivery for each matching subscription, in the caller's transaction. Return the event.

    The delivery for a paused subscription is held. data: the objects in their REST format. Every attempt sends the body that
    is built from it here, byte for byte. Raises TransactionManagementError outside a transaction, because the event could then
    exist without its change.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("record_event() must be called in the transaction of the change")
    event_id, now = new_id(), timezone.now()
    body = event_json(event_id, name.value, workspace_id=workspace_id, brand_id=brand_id, created_at=now, data=data)
    event = Event(
        id=event_id, workspace_id=workspace_id, brand_id=brand_id, name=name, body=orjson.dumps(body), created_at=now
    )
    subscribers = _add(event)
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
        publish_on_commit(WEBHOOKS_DUE)
    return event


def _add(event: Event) -> list[tuple[UUID, str]]:
    """Insert the event. Return the id and the status of each subscription that receives it."""
    values: dict[str, Any] = {
        "id": event.pk,
        "workspace": event.workspace_id,
        "brand": event.brand_id,
        "name": str(event.name),
        "body": event.body,
        "now": event.created_at,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql.ADD_EVENT, values)
        found: list[tuple[UUID, str]] = cursor.fetchall()
    event._state.adding = False
    return found
