"""Store the results of attempts: a batch in one transaction, and each result only if its lease is still valid."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from integrations import sql
from integrations.models import Attempt
from integrations.webhooks import health
from integrations.webhooks.delivery import ClaimedDelivery, next_state
from praxtalk.core.http.results import PostResult


@dataclass(frozen=True)
class FinishedAttempt:
    """A finished attempt whose result is not stored yet."""

    claimed: ClaimedDelivery
    result: PostResult


def store_results(batch: list[FinishedAttempt]) -> set[UUID]:
    """Store the results of the attempts. Return the ids of the deliveries whose lease was still valid.

    The other results are discarded: their leases expired, so another attempt decides.
    """
    now = timezone.now()
    subscriptions = sorted({each.claimed.subscription_id for each in batch})
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute(sql.LOCK_SUBSCRIPTIONS, [subscriptions])
        known = {row[0]: health.Health(*row[1:]) for row in cursor.fetchall()}
        cursor.execute(sql.STORE_RESULTS, _columns(batch, now))
        stored = {row[0] for row in cursor.fetchall()}
    by_subscription: dict[UUID, list[PostResult]] = {}
    for each in batch:
        if each.claimed.delivery_id in stored:
            by_subscription.setdefault(each.claimed.subscription_id, []).append(each.result)
    for subscription_id, results in by_subscription.items():
        health.update_health(subscription_id, known[subscription_id], results, now)
    return stored


def _columns(batch: list[FinishedAttempt], now: datetime) -> dict[str, Any]:
    states = [next_state(each.claimed, each.result, now) for each in batch]
    return {
        "day": now.date(),
        "ids": [each.claimed.delivery_id for each in batch],
        "leases": [each.claimed.lease for each in batch],
        "statuses": [state.status.value for state in states],
        "attempts_made": [state.attempts_made for state in states],
        "next_attempts_at": [state.next_attempt_at for state in states],
        "numbers": [each.claimed.number for each in batch],
        "outcomes": [_outcome_value(each.result) for each in batch],
        "durations": [each.result.duration_ms for each in batch],
        "codes": [each.result.status_code for each in batch],
        "addresses": [each.result.address for each in batch],
        "bodies": [each.result.body for each in batch],
        "errors": [each.result.error for each in batch],
    }


def _outcome_value(result: PostResult) -> str:
    return (Attempt.Outcome.SUCCEEDED if result.is_success else Attempt.Outcome.FAILED).value
