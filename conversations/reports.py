"""Numbers of conversations and replies, and response times. Each figure is one query over a period, by an index on the time."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from accounts.scope import Scope

BY_DAY = """
    SELECT 'conversations' AS what, created_at::date AS day, count(*)
    FROM conversations_conversation
    WHERE workspace_id = %(workspace)s AND created_at >= %(since)s AND (%(brands)s::uuid[] IS NULL OR brand_id = ANY(%(brands)s))
    GROUP BY day
    UNION ALL
    SELECT 'replies', message.created_at::date AS day, count(*)
    FROM conversations_message AS message JOIN conversations_conversation AS conversation ON conversation.id = conversation_id
    WHERE message.workspace_id = %(workspace)s AND message.created_at >= %(since)s AND role <> 'visitor'
        AND (%(brands)s::uuid[] IS NULL OR brand_id = ANY(%(brands)s))
    GROUP BY day
"""
TIMES = """
    SELECT {group} AS subject, count(*), count(first_reply_at), count(resolved_at),
        percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM first_reply_at - created_at)),
        percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM first_reply_at - created_at)),
        percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM resolved_at - created_at))
    FROM conversations_conversation
    WHERE workspace_id = %(workspace)s AND created_at >= %(since)s AND (%(brands)s::uuid[] IS NULL OR brand_id = ANY(%(brands)s))
    GROUP BY subject
"""
REPLIES_OF = """
    SELECT author_id, count(*)
    FROM conversations_message AS message JOIN conversations_conversation AS conversation ON conversation.id = conversation_id
    WHERE message.workspace_id = %(workspace)s AND message.created_at >= %(since)s AND role <> 'visitor'
        AND author_id IS NOT NULL AND (%(brands)s::uuid[] IS NULL OR brand_id = ANY(%(brands)s))
    GROUP BY author_id
"""


@dataclass(frozen=True)
class Times:
    """Figures of the conversations that began in a period. Durations are in seconds, None if there is nothing to measure."""

    conversations: int
    answered: int
    resolved: int
    median_first_response: float | None
    slow_first_response: float | None  # the 90th percentile
    median_resolution: float | None


def by_day(scope: Scope, days: list[date], since: datetime) -> dict[str, list[int]]:
    """Return {"conversations": [...], "replies": [...]}, with one number for each of the days (UTC)."""
    counts = {(what, day): count for what, day, count in _rows(BY_DAY, scope, since)}
    return {what: [counts.get((what, day), 0) for day in days] for what in ("conversations", "replies")}


def times(scope: Scope, since: datetime) -> Times:
    """Return the figures of all conversations in scope together."""
    rows = _rows(TIMES.format(group="true"), scope, since)
    return Times(*rows[0][1:]) if rows else Times(0, 0, 0, None, None, None)


def times_by_brand(scope: Scope, since: datetime) -> dict[UUID, Times]:
    return {brand: Times(*values) for brand, *values in _rows(TIMES.format(group="brand_id"), scope, since)}


def times_by_operator(scope: Scope, since: datetime) -> dict[UUID, Times]:
    """Return the figures of the conversations that each operator was the first to answer."""
    rows = _rows(TIMES.format(group="first_reply_by_id"), scope, since)
    return {operator: Times(*values) for operator, *values in rows if operator}


def replies_by_operator(scope: Scope, since: datetime) -> dict[UUID, int]:
    return dict(_rows(REPLIES_OF, scope, since))


def days_until(today: date, count: int) -> list[date]:
    """Return the last `count` days up to and including today, oldest first."""
    return [today - timedelta(days=ago) for ago in reversed(range(count))]


def _rows(statement: str, scope: Scope, since: datetime) -> list[Any]:
    brands = None if scope.brand_ids is None else list(scope.brand_ids)
    with connection.cursor() as cursor:
        cursor.execute(statement, {"workspace": scope.workspace_id, "since": since, "brands": brands})
        found: list[Any] = cursor.fetchall()
    return found
