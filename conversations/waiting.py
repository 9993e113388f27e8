"""The order "longest waiting" of the inbox's list.

1. The conversations that wait for an answer, the longest waiting first.
2. The others, newest activity first.

Each part has an index of its own. The cursor of a page holds the part and the key of its last row.
"""

from typing import Any

from django.db.models import QuerySet

from conversations.inbox import INBOX_KEYSET, ROW_COLUMNS
from praxtalk.core.api.pagination import Keyset, sign, unsign

CURSOR = "inbox.waiting"
WAITING, ANSWERED = "waiting", "answered"
_SINCE, _ID = ROW_COLUMNS.index("waiting_since"), ROW_COLUMNS.index("id")
LONGEST_WAITING_FIRST = Keyset("waiting", ("waiting_since", "id"), lambda row: [row[_SINCE].isoformat(), str(row[_ID])])


def longest_waiting_page(
    rows: QuerySet[Any, Any], *, owner: str, cursor: str | None, limit: int
) -> tuple[list[Any], str | None]:
    """Return the page of at most `limit` rows after the cursor, and the cursor of the next page or None.

    rows: the result of `inbox_rows`. owner: as for `Keyset.page`. Raises UnprocessableEntity if the cursor is invalid.
    """
    part, after = unsign(CURSOR, owner, cursor) if cursor is not None else (WAITING, None)
    found: list[Any] = []
    if part == WAITING:
        waiting = LONGEST_WAITING_FIRST.select(rows.filter(waiting_since__isnull=False), after)
        found, after = list(waiting[: limit + 1]), None
    if len(found) <= limit:
        answered = INBOX_KEYSET.select(rows.filter(waiting_since__isnull=True), after)
        found += answered[: limit + 1 - len(found)]
    page = found[:limit]
    return page, sign(CURSOR, owner, _key_of(page[-1])) if len(found) > limit else None


def _key_of(row: tuple[Any, ...]) -> list[Any]:
    if row[_SINCE] is None:
        return [ANSWERED, INBOX_KEYSET.to_key(row)]
    return [WAITING, LONGEST_WAITING_FIRST.to_key(row)]
