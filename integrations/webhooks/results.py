"""Store the results of attempts: a batch in one transaction, each result only if its lease is still valid."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from integrations import sql
from integrations.models import Attempt
from integrations.webhooks import health
from integrations.webhooks.delivery import Claimed, outcome
from praxtalk.core.http.transport import PostResult


@dataclass(frozen=True)
class FinishedAttempt:
    """A finished attempt whose result is not stored yet."""

    claimed: Claimed
    answer: PostResult


def settle(batch: list[FinishedAttempt]) -> set[UUID]:
    """Store the results of the attempts. Return the ids of the deliveries whose lease was still valid.

    The other results are discarded: their leases expired, so another attempt decides.
    """
    now = timezone.now()
    subscriptions = sorted({each.claimed.subscription_id for each in batch})
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute(sql.LOCK_SUBSCRIPTIONS, [subscriptions])
        known = {row[0]: health.Health(*row[1:]) for row in cursor.fetchall()}
        cursor.execute(sql.STORE_RESULTS, _columns(batch, now))
        settled = {row[0] for row in cursor.fetchall()}
    answers: dict[UUID, list[PostResult]] = {}
    for each in batch:
        if each.claimed.delivery_id in settled:
            answers.setdefault(each.claimed.subscription_id, []).append(each.answer)
    for subscription_id, given in answers.items():
        health.update_health(subscription_id, known[subscription_id], given, now)
    return settled


def _columns(batch: list[FinishedAttempt], now: datetime) -> dict[str, Any]:
    outcomes = [outcome(each.claimed, each.answer, now) for each in batch]
    return {
        "day": now.date(),
        "ids": [each.claimed.delivery_id for each in batch],
        "leases": [each.claimed.lease for each in batch],
        "statuses": [each.status.value for each in outcomes],
        "attempts_made": [each.attempts_made for each in outcomes],
        "next_attempts_at": [each.next_attempt_at for each in outcomes],
        "numbers": [each.claimed.number for each in batch],
        "outcomes": [_outcome_value(each.answer) for each in batch],
        "durations": [each.answer.duration_ms for each in batch],
        "codes": [each.answer.status_code for each in batch],
        "addresses": [each.answer.address for each in batch],
        "bodies": [each.answer.body for each in batch],
        "errors": [each.answer.error for each in batch],
    }


def _outcome_value(answer: PostResult) -> str:
    return (Attempt.Outcome.SUCCEEDED if answer.is_success else Attempt.Outcome.FAILED).value
