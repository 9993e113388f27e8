"""Statistics of a period: numbers of conversations and replies, and response times. Each takes one query that uses an index."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from accounts.scope import Scope
from conversations import sql


@dataclass(frozen=True)
class ResponseTimes:
    """Statistics of the conversations that began in a period. Durations are in seconds; None if there are none to measure."""

    conversations: int
    answered: int
    resolved: int
    median_first_response: float | None
    slow_first_response: float | None  # the 90th percentile
    median_resolution: float | None


def daily_counts(scope: Scope, days: list[date], since: datetime) -> dict[str, list[int]]:
    """Return {"conversations": [...], "replies": [...]}, with one number for each of the days (UTC)."""
    counts = {(kind, day): count for kind, day, count in _rows(sql.DAILY_COUNTS, scope, since)}
    return {kind: [counts.get((kind, day), 0) for day in days] for kind in ("conversations", "replies")}


def response_times(scope: Scope, since: datetime) -> ResponseTimes:
    """Return the statistics of all conversations in scope."""
    rows = _rows(sql.RESPONSE_TIMES.format(group="true"), scope, since)
    return ResponseTimes(*rows[0][1:]) if rows else ResponseTimes(0, 0, 0, None, None, None)


def response_times_by_brand(scope: Scope, since: datetime) -> dict[UUID, ResponseTimes]:
    return {
        brand: ResponseTimes(*values)
        for brand, *values in _rows(sql.RESPONSE_TIMES.format(group="brand_id"), scope, since)
    }


def response_times_by_operator(scope: Scope, since: datetime) -> dict[UUID, ResponseTimes]:
    """Return the statistics of each operator: of the conversations in which they replied first."""
    rows = _rows(sql.RESPONSE_TIMES.format(group="first_reply_by_id"), scope, since)
    return {operator: ResponseTimes(*values) for operator, *values in rows if operator}


def replies_by_operator(scope: Scope, since: datetime) -> dict[UUID, int]:
    return dict(_rows(sql.REPLIES_BY_OPERATOR, scope, since))


def last_days(today: date, count: int) -> list[date]:
    """Return the last `count` days up to and including today, oldest first."""
    return [today - timedelta(days=ago) for ago in reversed(range(count))]


def _rows(statement: str, scope: Scope, since: datetime) -> list[Any]:
    brands = None if scope.brand_ids is None else list(scope.brand_ids)
    with connection.cursor() as cursor:
        cursor.execute(statement, {"workspace": scope.workspace_id, "since": since, "brands": brands})
        found: list[Any] = cursor.fetchall()
    return found
