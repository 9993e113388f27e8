"""Pings: single signed requests that test a receiver. A ping is not an event, bypasses the outbox and is not stored."""

import asyncio
from collections.abc import Iterable

import orjson
from django.db.models import QuerySet
from django.utils import timezone

from integrations.models import WebhookSubscription
from integrations.models.deliveries import Trigger
from integrations.webhooks.delivery import Claimed, attempt
from integrations.webhooks.health import PROBE_INTERVAL, reactivate
from praxtalk.core.db.ids import new_id
from praxtalk.core.epoch import to_milliseconds
from praxtalk.core.http.transport import PostResult, open_transport

PING = "ping"
PROBE_BATCH_SIZE = 50


def ping(webhook: WebhookSubscription) -> PostResult:
    """Send a ping and return the answer. A 2xx sets `verified_at`.

    This takes up to 15 seconds, so call it outside any transaction. No behaviour of the receiver raises an exception.
    """
    answer = asyncio.run(_send([_ping(webhook)]))[0]
    if answer.is_success:
        rows = WebhookSubscription.objects.filter(workspace_id=webhook.workspace_id, pk=webhook.pk)
        rows.update(verified_at=timezone.now())
    return answer


def probe_paused() -> int:
    """Ping the automatically paused subscriptions whose probe is due, at most PROBE_BATCH_SIZE of them.

    Those that answer with 2xx become active again. Return how many.
    """
    now = timezone.now()
    due = WebhookSubscription.objects.filter(next_probe_at__lte=now).order_by("next_probe_at")
    mine = [webhook for webhook in due[:PROBE_BATCH_SIZE] if _claim_probe(webhook)]
    answers = asyncio.run(_send([_ping(webhook) for webhook in mine]))
    return sum(
        reactivate(WebhookSubscription.objects.filter(pk=webhook.pk, next_probe_at__isnull=False))
        for webhook, answer in zip(mine, answers, strict=True)
        if answer.is_success
    )


def _claim_probe(webhook: WebhookSubscription) -> bool:
    """Postpone the next probe by an hour. Return False if another worker has already done so."""
    rows: QuerySet[WebhookSubscription] = WebhookSubscription.objects.filter(
        pk=webhook.pk, next_probe_at=webhook.next_probe_at
    )
    return bool(rows.update(next_probe_at=timezone.now() + PROBE_INTERVAL))


async def _send(pings: Iterable[Claimed]) -> list[PostResult]:
    async with open_transport() as transport:
        return await asyncio.gather(*(attempt(transport, each) for each in pings))


def _ping(webhook: WebhookSubscription) -> Claimed:
    now, event_id = timezone.now(), new_id()
    body = {
        "id": str(event_id),
        "type": PING,
        "createdAt": to_milliseconds(now),
        "workspaceId": str(webhook.workspace_id),
        "brandId": str(webhook.brand_id) if webhook.brand_id else None,
        "data": {"webhookId": str(webhook.pk)},
    }
    return Claimed(
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
