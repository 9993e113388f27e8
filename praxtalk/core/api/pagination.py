"""Keyset pagination: a cursor identifies the last row of a page, so a page costs the same at row 50 and at row 5,000,000."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.core import signing
from django.db.models import Model, QuerySet

from praxtalk.core.api.errors import UnprocessableEntity
from praxtalk.core.db.sync_mark import sync_mark
from praxtalk.core.epoch import to_milliseconds

DEFAULT_LIMIT = 50
MAX_LIMIT = 100
# The `synced_at` of a page if its cursor, from an earlier release, holds none. A sync from 0 returns all rows, so none is missed.
NO_SYNC_MARK = 0

Fetch = Callable[[list[Any] | None, int], list[Any]]  # (key of the last row or None, maximum number of rows) -> rows


class PageOfRows(NamedTuple):
    rows: list[Any]
    cursor: str | None  # of the next page; None on the last page
    synced_at: int  # milliseconds since the Unix epoch; meaningful only if the Keyset supports `updatedSince`


@dataclass(frozen=True)
class Keyset:
    """The order of one list, which defines its cursors.

    name: the name of the list. A cursor of another list or workspace is refused.
    order: the fields to order by. The last one is unique. Either all are "-field" or all are "field".
    to_key: returns a row's values of these fields, in a form that both JSON and SQL accept.
    supports_updated_since: whether the list accepts `updatedSince`. Its pages then have a `synced_at`
    (praxtalk/core/db/sync_mark.py). The cursor carries the value of the first page, so all pages of one pass have the same. A
    row that moves within the list while a client reads the pages has changed after the first page, so the next pass finds it.
    """

    name: str
    order: tuple[str, ...]
    to_key: Callable[[Any], list[Any]]
    supports_updated_since: bool = False

    def page(
        self,
        rows: QuerySet[Any, Any],
        *,
        owner: str,
        cursor: str | None,
        limit: int,
        first: Callable[[QuerySet[Any, Any], int], list[Any]] = lambda rows, limit: list(rows[:limit]),
    ) -> PageOfRows:
        """Return the page of at most `limit` rows after the cursor. Raises UnprocessableEntity if the cursor is invalid.

        owner: identifies who may use the cursor, for instance the workspace's id.
        first: returns the first rows of the ordered queryset. A list that shows only some of its rows passes its own function.
        """
        fetch = lambda after, limit: first(self.select(rows, after), limit)  # noqa: E731
        return self.page_from(fetch, owner=owner, cursor=cursor, limit=limit)

    def page_from(self, fetch: Fetch, *, owner: str, cursor: str | None, limit: int) -> PageOfRows:
        """Like `page`, but read the rows with `fetch`, whose queryset comes from `select`."""
        mark: list[int] = []  # at most one
        after: list[Any] | None = None
        if cursor is not None:
            values = unsign(self.name, owner, cursor)
            after, mark = values[: len(self.order)], values[len(self.order) :]
        elif self.supports_updated_since:
            mark = [to_milliseconds(sync_mark())]
        rows = fetch(after, limit + 1)
        has_more = len(rows) > limit
        page = rows[:limit]
        next_cursor = sign(self.name, owner, [*self.to_key(page[-1]), *mark]) if has_more else None
        return PageOfRows(page, next_cursor, mark[0] if mark else NO_SYNC_MARK)

    def select(self, rows: QuerySet[Any, Any], after: Sequence[Any] | None) -> QuerySet[Any, Any]:
        """Return the rows in order; if `after` is a key, only the rows after it."""
        return (rows if after is None else self._after(rows, after)).order_by(*self.order)

    def _after(self, rows: QuerySet[Any, Any], key: Sequence[Any]) -> QuerySet[Any, Any]:
        """Filter with SQL's row comparison, (a, b) < (x, y). It is one range of the index; nested ORs would not be."""
        descending = self.order[0].startswith("-")
        fields = [field.lstrip("-") for field in self.order]
        columns = ", ".join(_column(rows.model, field) for field in fields)
        placeholders = ", ".join(["%s"] * len(fields))
        comparison = f"({columns}) {'<' if descending else '>'} ({placeholders})"
        return rows.extra(where=[comparison], params=list(key))  # noqa: S610 - a Keyset defines the columns


def _column(model: type[Model], field: str) -> str:
    return f'"{model._meta.db_table}"."{model._meta.get_field(field).column}"'  # type: ignore[union-attr]


def sign(name: str, owner: str, key: Any) -> str:
    """Return an opaque cursor for `key`. It is valid only for this list and owner."""
    return signing.Signer(salt=f"cursor.{name}.{owner}").sign_object(key, compress=True)


def unsign(name: str, owner: str, cursor: str) -> Any:
    """Return the key in a cursor. Raises UnprocessableEntity if it is forged, truncated, or of another list or owner."""
    try:
        return signing.Signer(salt=f"cursor.{name}.{owner}").unsign_object(cursor)
    except (signing.BadSignature, ValueError) as error:
        raise UnprocessableEntity("cursor: invalid cursor for this list.") from error
