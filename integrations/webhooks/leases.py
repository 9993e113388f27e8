"""Lease due deliveries, release expired leases, and hold the deliveries of paused subscriptions."""

from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from integrations.models import Attempt, Delivery, Event, WebhookSubscription
from integrations.models.subscriptions import signing_secrets
from integrations.webhooks.delivery import LEASE, MAX_IN_FLIGHT, MAX_IN_FLIGHT_FAILING, MAX_INTERRUPTIONS, Claimed
from integrations.webhooks.stats import ADD_COUNTS
from praxtalk.core.db.ids import new_id

PAUSE_BATCH_SIZE = 1000
CLAIM_LOCK_KEY = 0x70747821  # key of the advisory lock, an arbitrary number

# Only one claim runs at a time; otherwise two dispatchers would each fill a subscription's slots. A dispatcher that freezes
# while it holds the lock loses it after 10 s. PostgreSQL's statistics may be older than the last filling or emptying of the
# queue, so the planner is told to follow the order of the indexes, and to plan only once.
LOCK_CLAIMS = """
    SELECT set_config('idle_in_transaction_session_timeout', '10000', true), set_config('lock_timeout', '10000', true),
        set_config('enable_sort', 'off', true), set_config('enable_seqscan', 'off', true),
        set_config('enable_bitmapscan', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true),
        pg_advisory_xact_lock(%s)
"""

# The subscriptions that have deliveries of this kind, found by skipping through a partial index. Finished deliveries, and
# subscriptions that have none of this kind, cost nothing.
SUBSCRIPTIONS_OF = f"""
    (SELECT subscription_id AS id FROM {Delivery._meta.db_table} WHERE {{condition}} ORDER BY subscription_id LIMIT 1)
    UNION ALL
    SELECT (SELECT delivery.subscription_id FROM {Delivery._meta.db_table} AS delivery
            WHERE {{condition}} AND delivery.subscription_id > found.id ORDER BY delivery.subscription_id LIMIT 1)
    FROM found WHERE found.id IS NOT NULL
"""  # noqa: S608 - no user input
PENDING = "status = 'pending' AND lease IS NULL"
HELD = "status = 'held'"

# Lease, for each subscription with pending deliveries, as many due ones as it has free slots. The first delivery of every
# subscription comes before the second of any. Rows that another transaction has locked are skipped. (The rows are locked by
# id, and only then checked for being free. With the condition of the index delivery_due next to the id, the planner would
# read all due rows for each id.)
LEASE_DUE = f"""
    WITH RECURSIVE found AS ({SUBSCRIPTIONS_OF.format(condition=PENDING)}
    ), chosen AS (
        SELECT due.id
        FROM found
        JOIN {WebhookSubscription._meta.db_table} AS subscription ON subscription.id = found.id
        CROSS JOIN LATERAL (
            SELECT count(*) AS in_flight FROM {Delivery._meta.db_table} AS leased
            WHERE leased.subscription_id = subscription.id AND leased.lease IS NOT NULL
        ) AS busy
        CROSS JOIN LATERAL (
            SELECT first.id, first.next_attempt_at, row_number() OVER (ORDER BY first.next_attempt_at) AS place
            FROM (
                SELECT id, next_attempt_at FROM {Delivery._meta.db_table} AS delivery
                WHERE delivery.subscription_id = subscription.id AND delivery.status = 'pending' AND delivery.lease IS NULL
                    AND delivery.next_attempt_at <= %(now)s
                ORDER BY delivery.next_attempt_at
                LIMIT greatest(0, CASE WHEN subscription.failing_since IS NULL THEN %(in_flight)s::int
                    ELSE %(in_flight_failing)s::int END - busy.in_flight)
            ) AS first
        ) AS due
        WHERE subscription.status = 'active'
        ORDER BY busy.in_flight + due.place, due.next_attempt_at
        LIMIT %(limit)s
    ), free AS (
        SELECT delivery.id, delivery.status, delivery.lease FROM {Delivery._meta.db_table} AS delivery
        JOIN chosen ON chosen.id = delivery.id
        FOR UPDATE OF delivery SKIP LOCKED
    )
    UPDATE {Delivery._meta.db_table} AS delivery
    SET lease = %(lease)s, leased_until = %(leased_until)s, last_number = last_number + 1
    FROM free WHERE delivery.id = free.id AND free.status = 'pending' AND free.lease IS NULL
    RETURNING delivery.id, delivery.workspace_id, delivery.last_number, delivery.next_trigger
"""  # noqa: S608 - no user input

ADD_ATTEMPTS = f"""
    INSERT INTO {Attempt._meta.db_table}
        (id, delivery_id, workspace_id, number, trigger, outcome, started_at, address, response_body, error)
    SELECT begun.id, begun.delivery_id, begun.workspace_id, begun.number, begun.trigger, 'started', %s, '', '', ''
    FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::int[], %s::text[])
        AS begun(id, delivery_id, workspace_id, number, trigger)
"""  # noqa: S608 - no user input


# What the attempts need. It is read after the leases have committed and the lock is released, so a dispatcher that freezes
# while it reads a large result blocks nobody.
READ_CLAIMED = f"""
    SELECT delivery.id, delivery.workspace_id, delivery.subscription_id, delivery.lease, delivery.last_number,
        delivery.next_trigger, delivery.attempts_made, subscription.url, event.id, event.name, event.body,
        subscription.encrypted_secret, subscription.encrypted_second_secret, subscription.second_secret_ends_at
    FROM unnest(%s::uuid[]) AS leased(id)
    JOIN {Delivery._meta.db_table} AS delivery ON delivery.id = leased.id AND delivery.lease = %s
    JOIN {WebhookSubscription._meta.db_table} AS subscription ON subscription.id = delivery.subscription_id
    JOIN {Event._meta.db_table} AS event ON event.id = delivery.event_id
    ORDER BY delivery.next_attempt_at
"""  # noqa: S608 - no user input


def claim(limit: int, per_subscription: int = MAX_IN_FLIGHT) -> list[Claimed]:
    """Lease at most `limit` due deliveries and start an attempt of each. Return them.

    A subscription has at most `per_subscription` deliveries in flight. While it is failing, the maximum is
    MAX_IN_FLIGHT_FAILING, if that is fewer.
    """
    now, lease = timezone.now(), new_id()
    values: dict[str, Any] = {
        "now": now,
        "limit": limit,
        "lease": lease,
        "leased_until": now + LEASE,
        "in_flight": per_subscription,
        "in_flight_failing": min(per_subscription, MAX_IN_FLIGHT_FAILING),
    }
    with connection.cursor() as cursor:
        with transaction.atomic():
            cursor.execute(LOCK_CLAIMS, [CLAIM_LOCK_KEY])
            cursor.execute(LEASE_DUE, values)
            leased = cursor.fetchall()
            if not leased:
                return []
            ids, workspaces, numbers, triggers = (list(column) for column in zip(*leased, strict=True))
            cursor.execute(ADD_ATTEMPTS, [now, [new_id() for _ in ids], ids, workspaces, numbers, triggers])
        cursor.execute(READ_CLAIMED, [ids, lease])
        return [_claimed(row, now) for row in cursor.fetchall()]


def _claimed(row: tuple[Any, ...], now: datetime) -> Claimed:
    values = (*row[:8], signing_secrets(*row[11:], moment=now), *row[8:11])  # in the order of Claimed's fields
    return Claimed(*values)


RELEASE_EXPIRED = f"""
    WITH expired AS (
        SELECT id FROM {Delivery._meta.db_table} WHERE lease IS NOT NULL AND leased_until < %(now)s
        ORDER BY subscription_id LIMIT 500 FOR UPDATE SKIP LOCKED
    ), released AS (
        UPDATE {Delivery._meta.db_table} AS delivery
        SET lease = NULL, leased_until = NULL, interruptions = interruptions + 1,
            status = CASE WHEN interruptions + 1 >= %(most)s THEN 'failed' ELSE 'pending' END
        FROM expired WHERE delivery.id = expired.id
        RETURNING delivery.id, delivery.workspace_id, delivery.subscription_id, delivery.last_number, delivery.status
    ), logged AS (
        UPDATE {Attempt._meta.db_table} AS attempt SET outcome = 'interrupted'
        FROM released WHERE attempt.delivery_id = released.id AND attempt.number = released.last_number
    ), counted AS (
        {ADD_COUNTS.format(rows="SELECT workspace_id, subscription_id, status, 'interrupted' AS outcome FROM released")}
    )
    SELECT count(*) FROM released
"""  # noqa: S608 - no user input


def release_expired() -> int:
    """Release leases that have expired because their worker died, so that the deliveries are due again. Return how many."""
    now = timezone.now()
    if not Delivery.objects.filter(lease__isnull=False, leased_until__lt=now).exists():
        return 0
    with connection.cursor() as cursor:
        cursor.execute(RELEASE_EXPIRED, {"now": now, "day": now.date(), "most": MAX_INTERRUPTIONS})
        released: int = cursor.fetchone()[0]
    return released


FIND_SUBSCRIPTIONS = f"""
    WITH RECURSIVE found AS ({SUBSCRIPTIONS_OF})
    SELECT subscription.id FROM found JOIN {WebhookSubscription._meta.db_table} AS subscription ON subscription.id = found.id
    WHERE subscription.status = %s
"""  # noqa: S608 - no user input
MOVE_DELIVERIES = f"""
    UPDATE {Delivery._meta.db_table} SET status = %s, next_attempt_at = greatest(next_attempt_at, %s) WHERE id IN (
        SELECT id FROM {Delivery._meta.db_table} WHERE {{condition}} AND subscription_id = ANY(%s)
        LIMIT %s FOR UPDATE SKIP LOCKED
    )
"""  # noqa: S608 - no user input


def apply_pauses() -> int:
    """Hold pending deliveries of paused subscriptions, and make held deliveries of active ones pending. Return how many changed.

    Each call changes at most FOLLOWED_AT_ONCE of either kind.
    """
    return _move(PENDING, WebhookSubscription.Status.PAUSED, Delivery.Status.HELD) + _move(
        HELD, WebhookSubscription.Status.ACTIVE, Delivery.Status.PENDING
    )


def _move(condition: str, of: WebhookSubscription.Status, to: Delivery.Status) -> int:
    with connection.cursor() as cursor:
        cursor.execute(FIND_SUBSCRIPTIONS.format(condition=condition), [of])
        subscriptions = [row[0] for row in cursor.fetchall()]
        if not subscriptions:
            return 0
        cursor.execute(
            MOVE_DELIVERIES.format(condition=condition), [to, timezone.now(), subscriptions, PAUSE_BATCH_SIZE]
        )
        moved: int = cursor.rowcount
        return moved
