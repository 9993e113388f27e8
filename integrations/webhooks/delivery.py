"""A delivery's state machine. Rows are the truth; broker, worker and socket may die at any moment.

1. pending, due: `claims.claim` gives it a lease and writes an Attempt "started", in one commit. At most MAX_IN_FLIGHT of one
   subscription hold a lease, so a slow receiver keeps nobody else waiting.
2. leased: `attempt` signs and sends, outside any transaction.
3. `settlement.settle`, if the lease is still its own, writes what `outcome` says in one commit:
   2xx: succeeded. Else, after the sixth attempt: failed. Else: pending again, due after the step of SCHEDULE.
4. A lease that ran out (its worker died): `claims.release_expired` marks the attempt interrupted, which is none of the six, and
   makes the delivery due again. After MAX_INTERRUPTIONS it is failed: a delivery that kills its workers must not do so for ever.
5. held: its subscription is paused. `claims.follow_pauses` makes it so, and pending again when the subscription is active.
6. `replays.retry` makes any of them due at once. One that was finished begins anew, with six attempts.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from integrations.models import Delivery
from integrations.models.deliveries import Trigger
from integrations.webhooks.signature import signature, standard_signature
from praxtalk.core.db.encryption import Unreadable, decrypt
from praxtalk.core.http.transport import DEADLINE_SECONDS, Answer, Transport

SCHEDULE = [timedelta(seconds=seconds) for seconds in (30, 120, 600, 3600, 21600)]  # the seed's 30s, 2m, 10m, 1h, 6h
MAX_ATTEMPTS = len(SCHEDULE) + 1
MAX_JITTER = 0.05  # upwards only: a promised pause is never cut short
MAX_INTERRUPTIONS = 5
MAX_IN_FLIGHT = 8
MAX_IN_FLIGHT_FAILING = 2  # of a subscription that has not succeeded lately: many of them leave room for the others
LEASE = timedelta(seconds=DEADLINE_SECONDS + 5)
LONGEST_OBEYED_WAIT = timedelta(minutes=15)
ASKS_TO_WAIT = (429, 503)


@dataclass(frozen=True)
class Claimed:
    """A delivery to attempt now, with all that the attempt needs."""

    delivery_id: UUID
    workspace_id: UUID
    subscription_id: UUID
    lease: UUID
    number: int  # of this attempt, from 1
    trigger: str
    attempts_made: int  # before this one, of the six
    url: str
    encrypted_secrets: tuple[str, ...]  # the first signs first
    event_id: UUID
    event_name: str
    body: bytes


@dataclass(frozen=True)
class Outcome:
    """What becomes of a delivery after an attempt."""

    status: Delivery.Status
    attempts_made: int
    next_attempt_at: datetime


async def attempt(transport: Transport, claimed: Claimed) -> Answer:
    """Sign and send. The time signed is that of this attempt: a receiver refuses what is older than five minutes."""
    try:
        headers = signed_headers(claimed, timezone.now())
    except Unreadable as problem:
        return Answer(None, 0, error=f"Not sent, the signing secret cannot be read: {problem}")
    return await transport.post(claimed.url, headers, claimed.body)


def signed_headers(claimed: Claimed, moment: datetime) -> dict[str, str]:
    """What an attempt at this moment says beside the body. Raises Unreadable."""
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


def outcome(claimed: Claimed, answer: Answer, now: datetime) -> Outcome:
    """What the answer makes of the delivery. A manual attempt is one of the six only where it begins them."""
    counts = claimed.trigger == Trigger.SCHEDULE or claimed.attempts_made == 0
    made = claimed.attempts_made + counts
    if answer.is_success:
        return Outcome(Delivery.Status.SUCCEEDED, made, now)
    if made >= MAX_ATTEMPTS:
        return Outcome(Delivery.Status.FAILED, made, now)
    return Outcome(Delivery.Status.PENDING, made, now + pause_after(made, answer))


def pause_after(attempts_made: int, answer: Answer) -> timedelta:
    """How long to wait after `attempts_made` (1 to 5) failures: the step, or what a busy receiver asks for, within bounds."""
    step = SCHEDULE[attempts_made - 1]
    pause = step * (1 + random.uniform(0, MAX_JITTER))  # noqa: S311 - spreads load, guards nothing
    if answer.status_code in ASKS_TO_WAIT and answer.retry_after is not None:
        pause = max(pause, min(timedelta(seconds=answer.retry_after), max(2 * step, LONGEST_OBEYED_WAIT)))
    return pause
