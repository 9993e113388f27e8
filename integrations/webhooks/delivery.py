"""The state machine of a delivery. All state is in rows, because the broker, a worker or a connection may fail at any moment.

1. Pending and due: `leases.claim` leases it and inserts an Attempt with outcome "started", in one transaction. At most
   MAX_IN_FLIGHT deliveries of a subscription are leased at a time, so a slow receiver does not delay the others.
2. Leased: `attempt` signs and sends it, outside any transaction.
3. `results.store_results` stores the `next_state`, in one transaction, if the lease is still valid. After a 2xx, the delivery
   has succeeded. After MAX_ATTEMPTS, it has failed. Otherwise it is pending again, due after the next of the RETRY_DELAYS.
4. Expired lease (the worker died): `leases.release_expired` marks the attempt as interrupted, which does not count towards
   MAX_ATTEMPTS, and makes the delivery due again. After MAX_INTERRUPTIONS it has failed, so that a delivery that crashes its
   workers does not do so forever.
5. Held: its subscription is paused. `leases.apply_pauses` holds it, and makes it pending again when the subscription is active.
6. `replays.retry` makes a delivery in any state due immediately, unless it is leased. A finished one starts again with
   MAX_ATTEMPTS.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.utils import timezone

from integrations.models import Delivery
from integrations.models.deliveries import Trigger
from integrations.webhooks.signature import signature, standard_signature
from praxtalk.core.db.encryption import DecryptionError, decrypt
from praxtalk.core.http.results import DEADLINE_SECONDS, PostResult

if TYPE_CHECKING:
    from praxtalk.core.http.transport import Transport

RETRY_DELAYS = [timedelta(seconds=seconds) for seconds in (30, 120, 600, 3600, 21600)]  # 30 s, 2 min, 10 min, 1 h, 6 h
MAX_ATTEMPTS = len(RETRY_DELAYS) + 1
MAX_JITTER = 0.05  # share of a delay that is added at random; no attempt is earlier than RETRY_DELAYS says
MAX_INTERRUPTIONS = 5
MAX_IN_FLIGHT = 8
MAX_IN_FLIGHT_FAILING = 2  # of a subscription that is failing, so that many of them leave slots for the others
LEASE = timedelta(seconds=DEADLINE_SECONDS + 5)
MAX_RETRY_AFTER = timedelta(minutes=15)
RETRY_AFTER_STATUSES = (429, 503)


@dataclass(frozen=True)
class ClaimedDelivery:
    """A leased delivery, with everything that its attempt needs."""

    delivery_id: UUID
    workspace_id: UUID
    subscription_id: UUID
    lease: UUID
    number: int  # of this attempt, from 1
    trigger: str
    attempts_made: int  # before this one, counted towards MAX_ATTEMPTS
    url: str
    encrypted_secrets: tuple[str, ...]  # in signing order
    event_id: UUID
    event_name: str
    body: bytes


@dataclass(frozen=True)
class DeliveryState:
    """The new state of a delivery after an attempt."""

    status: Delivery.Status
    attempts_made: int
    next_attempt_at: datetime


async def attempt(transport: "Transport", claimed: ClaimedDelivery) -> PostResult:
    """Sign the delivery, send it and return the result.

    The signed timestamp is the time of this attempt, because receivers reject signatures that are older than five minutes.
    If a secret cannot be decrypted, nothing is sent and the result contains the error.
    """
    try:
        headers = signed_headers(claimed, timezone.now())
    except DecryptionError as error:
        return PostResult(None, 0, error=f"Not sent, because the signing secret cannot be decrypted: {error}")
    return await transport.post(claimed.url, headers, claimed.body)


def signed_headers(claimed: ClaimedDelivery, moment: datetime) -> dict[str, str]:
    """Return the headers of an attempt at this moment. Raises DecryptionError if a secret cannot be decrypted."""
    keys = [decrypt(encrypted) for encrypted in claimed.encrypted_secrets]
    timestamp = int(moment.timestamp())
    return {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "PraxTalk-Webhooks/1",
        "X-PraxTalk-Signature": signature(keys, timestamp, claimed.body),
        "X-PraxTalk-Event": claimed.event_name,
        "X-PraxTalk-Event-Id": str(claimed.event_id),
        "X-PraxTalk-Delivery": str(claimed.delivery_id),
        "X-PraxTalk-Attempt": str(claimed.number),
        "webhook-id": str(claimed.event_id),
        "webhook-timestamp": str(timestamp),
        "webhook-signature": standard_signature(keys, str(claimed.event_id), timestamp, claimed.body),
    }


def next_state(claimed: ClaimedDelivery, result: PostResult, now: datetime) -> DeliveryState:
    """Return the new state of the delivery. A manual attempt counts towards MAX_ATTEMPTS only if it is the first."""
    counts = claimed.trigger == Trigger.SCHEDULE or claimed.attempts_made == 0
    made = claimed.attempts_made + counts
    if result.is_success:
        return DeliveryState(Delivery.Status.SUCCEEDED, made, now)
    if made >= MAX_ATTEMPTS:
        return DeliveryState(Delivery.Status.FAILED, made, now)
    return DeliveryState(Delivery.Status.PENDING, made, now + retry_delay(made, result))


def retry_delay(attempts_made: int, result: PostResult) -> timedelta:
    """Return how long to wait after `attempts_made` (1 to 5) failures.

    This is one of the RETRY_DELAYS plus jitter. A busy receiver (429 or 503) can ask for a longer delay with Retry-After, up to
    twice as long or MAX_RETRY_AFTER, whichever is longer.
    """
    planned = RETRY_DELAYS[attempts_made - 1]
    delay = planned * (1 + random.uniform(0, MAX_JITTER))  # noqa: S311 - not used for security
    if result.status_code in RETRY_AFTER_STATUSES and result.retry_after is not None:
        delay = max(delay, min(timedelta(seconds=result.retry_after), max(2 * planned, MAX_RETRY_AFTER)))
    return delay
