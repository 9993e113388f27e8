"""Store the results of attempts: a batch in one transaction, each result only if its lease is still valid."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from integrations.models import Attempt, Delivery, WebhookSubscription
from integrations.webhooks import health
from integrations.webhooks.delivery import Claimed, outcome
from integrations.webhooks.stats import ADD_COUNTS
from praxtalk.core.http.transport import PostResult

# The subscriptions are locked before the deliveries, as a deletion of a subscription does, so that the two cannot deadlock.
LOCK_SUBSCRIPTIONS = f"""
    SELECT id, failing_since, gone_since, gone_answers FROM {WebhookSubscription._meta.db_table}
    WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE
"""  # noqa: S608 - no user input

SETTLE = f"""
    WITH given AS (
        SELECT * FROM unnest(
            %(ids)s::uuid[], %(leases)s::uuid[], %(statuses)s::text[], %(attempts_made)s::int[],
            %(next_attempts_at)s::timestamptz[], %(numbers)s::int[], %(outcomes)s::text[], %(durations)s::int[],
            %(codes)s::int[], %(addresses)s::text[], %(bodies)s::text[], %(errors)s::text[]
        ) AS given(id, lease, status, attempts_made, next_attempt_at, number, outcome, duration_ms, status_code, address,
            response_body, error)
    ), settled AS (
        UPDATE {Delivery._meta.db_table} AS delivery
        SET status = given.status, attempts_made = given.attempts_made, next_attempt_at = given.next_attempt_at,
            next_trigger = 'schedule', lease = NULL, leased_until = NULL
        FROM given WHERE delivery.id = given.id AND delivery.lease = given.lease
        RETURNING delivery.id, delivery.workspace_id, delivery.subscription_id
    ), logged AS (
        UPDATE {Attempt._meta.db_table} AS attempt
        SET outcome = given.outcome, duration_ms = given.duration_ms, status_code = given.status_code,
            address = given.address, response_body = given.response_body, error = given.error
        FROM given JOIN settled ON settled.id = given.id
        WHERE attempt.delivery_id = given.id AND attempt.number = given.number
    ), counted AS (
        {
    ADD_COUNTS.format(
        rows="SELECT workspace_id, subscription_id, status, outcome FROM settled JOIN given ON given.id = settled.id"
    )
}
    )
    SELECT id FROM settled
"""  # noqa: S608 - no user input


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
        cursor.execute(LOCK_SUBSCRIPTIONS, [subscriptions])
        known = {row[0]: health.Health(*row[1:]) for row in cursor.fetchall()}
        cursor.execute(SETTLE, _columns(batch, now))
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
