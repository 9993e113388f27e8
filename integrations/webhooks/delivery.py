"""A delivery's state machine. Rows are the truth; broker, worker and socket may die at any moment.

1. pending, due: `claim` gives it a lease and writes an Attempt "started", in one commit. At most MAX_IN_FLIGHT of one
   subscription hold a lease, so a slow receiver keeps nobody else waiting.
2. leased: the request is signed and sent, outside any transaction.
3. `settle`, if the lease is still its own, writes the outcome in one commit:
   2xx: succeeded. Else, after the sixth attempt: failed. Else: pending again, due after the step of SCHEDULE.
4. A lease that ran out (its worker died): `release_expired` marks the attempt interrupted, which is none of the six, and makes
   the delivery due again. After MAX_INTERRUPTIONS it is failed: a delivery that kills its workers must not do so for ever.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from integrations.models import Attempt, Delivery, WebhookSubscription
from integrations.webhooks.secrets import decrypt
from integrations.webhooks.signature import signature, standard_signature
from integrations.webhooks.transport import DEADLINE_SECONDS, Answer, Transport
from praxtalk.data.ids import new_id

SCHEDULE = [timedelta(seconds=seconds) for seconds in (30, 120, 600, 3600, 21600)]  # the seed's 30s, 2m, 10m, 1h, 6h
MAX_ATTEMPTS = len(SCHEDULE) + 1
MAX_JITTER = 0.05  # upwards only: a promised pause is never cut short
MAX_INTERRUPTIONS = 5
MAX_IN_FLIGHT = 8
LEASE = timedelta(seconds=DEADLINE_SECONDS + 5)

# Each subscription's own slice of the index delivery_due, so that 100,000 dead rows cost nothing.
DUE = f"""
    SELECT due.id
    FROM {WebhookSubscription._meta.db_table} AS subscription
    CROSS JOIN LATERAL (
        SELECT delivery.id FROM {Delivery._meta.db_table} AS delivery
        WHERE delivery.subscription_id = subscription.id AND delivery.status = 'pending' AND delivery.lease IS NULL
          AND delivery.next_attempt_at <= %(now)s
        ORDER BY delivery.next_attempt_at
        LIMIT greatest(0, %(in_flight)s - (
            SELECT count(*) FROM {Delivery._meta.db_table} AS leased
            WHERE leased.subscription_id = subscription.id AND leased.lease IS NOT NULL
        ))
        FOR UPDATE SKIP LOCKED
    ) AS due
    WHERE subscription.status = 'active'
    LIMIT %(limit)s
"""  # noqa: S608 - tables' names


@dataclass(frozen=True)
class Claimed:
    """A delivery to attempt now, with all that the attempt needs, read in the claim's own transaction."""

    delivery_id: UUID
    lease: UUID
    number: int  # of this attempt, from 1
    url: str
    encrypted_secret: str
    event_id: UUID
    event_name: str
    body: bytes


@transaction.atomic
def claim(limit: int) -> list[Claimed]:
    """Lease at most `limit` due deliveries and begin an attempt of each."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(DUE, {"now": now, "in_flight": MAX_IN_FLIGHT, "limit": limit})
        ids = [row[0] for row in cursor.fetchall()]
    if not ids:
        return []
    claimed = []
    for delivery in (
        Delivery.objects.filter(pk__in=ids).select_related("event", "subscription").order_by("next_attempt_at")
    ):
        delivery.lease, delivery.leased_until = new_id(), now + LEASE
        claimed.append(
            Claimed(
                delivery_id=delivery.pk,
                lease=delivery.lease,
                number=delivery.attempts_made + delivery.interruptions + 1,
                url=delivery.subscription.url,
                encrypted_secret=delivery.subscription.encrypted_secret,
                event_id=delivery.event_id,
                event_name=delivery.event.name,
                body=bytes(delivery.event.body),
            )
        )
        Delivery.objects.filter(pk=delivery.pk).update(lease=delivery.lease, leased_until=delivery.leased_until)
        Attempt.objects.create(
            workspace_id=delivery.workspace_id, delivery=delivery, number=claimed[-1].number, started_at=now
        )
    return claimed


async def attempt(transport: Transport, claimed: Claimed) -> Answer:
    """Sign and send. The time signed is that of this attempt: a receiver refuses what is older than five minutes."""
    timestamp, secret = int(timezone.now().timestamp()), decrypt(claimed.encrypted_secret)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "PraxTalk-Webhooks/1",
        "X-PraxTalk-Signature": signature(secret, timestamp, claimed.body),
        "X-PraxTalk-Event": claimed.event_name,
        "X-PraxTalk-Event-Id": str(claimed.event_id),
        "X-PraxTalk-Delivery": str(claimed.delivery_id),
        "X-PraxTalk-Attempt": str(claimed.number),
        "webhook-id": str(claimed.event_id),
        "webhook-timestamp": str(timestamp),
        "webhook-signature": standard_signature(secret, str(claimed.event_id), timestamp, claimed.body),
    }
    return await transport.post(claimed.url, headers, claimed.body)


@transaction.atomic
def settle(claimed: Claimed, answer: Answer) -> bool:
    """Write how the attempt ended. False if the lease was lost meanwhile: then another attempt counts, not this one."""
    own = Delivery.objects.select_for_update().filter(pk=claimed.delivery_id, lease=claimed.lease).first()
    if own is None:
        return False
    own.attempts_made += 1
    own.lease = own.leased_until = None
    if answer.is_success:
        own.status = Delivery.Status.SUCCEEDED
    elif own.attempts_made >= MAX_ATTEMPTS:
        own.status = Delivery.Status.FAILED
    else:
        own.next_attempt_at = next_attempt(own.attempts_made, timezone.now())
    own.save(update_fields=["status", "attempts_made", "next_attempt_at", "lease", "leased_until"])
    Attempt.objects.filter(delivery=own, number=claimed.number).update(
        outcome=Attempt.Outcome.SUCCEEDED if answer.is_success else Attempt.Outcome.FAILED,
        duration_ms=answer.duration_ms,
        status_code=answer.status_code,
        address=answer.address,
        response_body=answer.body,
        error=answer.error,
    )
    return True


def next_attempt(attempts_made: int, failed_at: datetime) -> datetime:
    """When to try again after `attempts_made` (1 to 5) failures, the last at `failed_at`."""
    step = SCHEDULE[attempts_made - 1]
    return failed_at + step * (1 + random.uniform(0, MAX_JITTER))  # noqa: S311 - spreads load, guards nothing


@transaction.atomic
def release_expired() -> int:
    """Make due again what a dead worker had leased; returns how many."""
    expired = list(
        Delivery.objects.select_for_update(skip_locked=True).filter(
            lease__isnull=False, leased_until__lt=timezone.now()
        )[:500]
    )
    for delivery in expired:
        number = delivery.attempts_made + delivery.interruptions + 1
        Attempt.objects.filter(delivery=delivery, number=number).update(outcome=Attempt.Outcome.INTERRUPTED)
        is_poison = delivery.interruptions + 1 >= MAX_INTERRUPTIONS
        Delivery.objects.filter(pk=delivery.pk).update(
            status=Delivery.Status.FAILED if is_poison else Delivery.Status.PENDING,
            interruptions=F("interruptions") + 1,
            lease=None,
            leased_until=None,
        )
    return len(expired)
