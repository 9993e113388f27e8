"""Pings: single signed requests that test a receiver. A ping is not an event, bypasses the outbox and is not stored."""

import asyncio
from collections.abc import Iterable

import orjson
from django.db.models import QuerySet
from django.utils import timezone

from integrations.models import WebhookSubscription
from integrations.models.deliveries import Trigger
from integrations.serializers.events import event_json
from integrations.webhooks.delivery import ClaimedDelivery, attempt
from integrations.webhooks.health import PROBE_INTERVAL, reactivate
from praxtalk.core.db.ids import new_id
from praxtalk.core.http.results import PostResult

PING = "ping"
PROBE_BATCH_SIZE = 50


def ping(webhook: WebhookSubscription) -> PostResult:
    """Send a ping and return the result. A 2xx response sets `verified_at`.

    This takes up to 15 seconds, so call it outside any transaction. No behaviour of the receiver raises an exception.
    """
    result = asyncio.run(_send([_ping(webhook)]))[0]
    if result.is_success:
        rows = WebhookSubscription.objects.filter(workspace_id=webhook.workspace_id, pk=webhook.pk)
        rows.update(verified_at=timezone.now())
    return result


def probe_paused() -> int:
    """Ping the automatically paused subscriptions whose probe is due, at most PROBE_BATCH_SIZE of them.

    Those that respond with 2xx become active again. Return how many.
    """
    now = timezone.now()
    due = WebhookSubscription.objects.filter(next_probe_at__lte=now).order_by("next_probe_at")
    claimed = [webhook for webhook in due[:PROBE_BATCH_SIZE] if _claim_probe(webhook)]
    results = asyncio.run(_send([_ping(webhook) for webhook in claimed]))
    return sum(
        reactivate(WebhookSubscription.objects.filter(pk=webhook.pk, next_probe_at__isnull=False))
        for webhook, result in zip(claimed, results, strict=True)
        if result.is_success
    )


def _claim_probe(webhook: WebhookSubscription) -> bool:
    """Postpone the next probe by an hour. Return False if another worker has already done so."""
    rows: QuerySet[WebhookSubscription] = WebhookSubscription.objects.filter(
        pk=webhook.pk, next_probe_at=webhook.next_probe_at
    )
    return bool(rows.update(next_probe_at=timezone.now() + PROBE_INTERVAL))


async def _send(pings: Iterable[ClaimedDelivery]) -> list[PostResult]:
    from praxtalk.core.http.transport import open_transport  # not at module level: see praxtalk/core/http/results.py

    async with open_transport() as transport:
        return await asyncio.gather(*(attempt(transport, each) for each in pings))


def _ping(webhook: WebhookSubscription) -> ClaimedDelivery:
    now, event_id = timezone.now(), new_id()
    body = event_json(
        event_id,
        PING,
        workspace_id=webhook.workspace_id,
        brand_id=webhook.brand_id,
        created_at=now,
        data={"webhookId": str(webhook.pk)},
    )
    return ClaimedDelivery(
        delivery_id=new_id(),
        workspace_id=webhook.workspace_id,
        subscription_id=webhook.pk,
        lease=new_id(),
        number=1,
        trigger=Trigger.MANUAL,
        attempts_made=0,
        url=webhook.url,
        encrypted_secrets=webhook.secrets_at(now),
        event_id=event_id,
        event_name=PING,
        body=orjson.dumps(body),
    )
