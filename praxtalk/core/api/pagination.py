"""Keyset pages: a cursor names the last row that was seen, so that a page costs the same at row 50 and row 5,000,000."""

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
FROM_THE_BEGINNING = 0  # safe where a cursor carries no mark: one that an earlier release has made


Fetch = Callable[[list[Any] | None, int], list[Any]]  # (after this key, at most so many) to rows


class PageOfRows(NamedTuple):
    rows: list[Any]
    cursor: str | None  # of the next page, if there is one
    synced_at: int  # milliseconds; means something where the Keyset is `mirrored`


@dataclass(frozen=True)
class Keyset:
    """How one list is ordered, and the cursor that follows from it.

    name: of the list; a cursor of another list or workspace is refused.
    order: fields of the ordering, the last one unique, each "-field" or all "field".
    to_key: a row's values of these fields, as JSON and as SQL takes them.
    mirrored: whether the list takes `updatedSince`. Its pages then have a `synced_at` (praxtalk/core/db/sync_mark.py), which is
    that of the first page for all pages of a reading: the cursor carries it. Rows that move while a client reads the pages
    change after the first page, so the next reading finds them.
    """

    name: str
    order: tuple[str, ...]
    to_key: Callable[[Any], list[Any]]
    mirrored: bool = False

    def page(
        self,
        rows: QuerySet[Any, Any],
        *,
        owner: str,
        cursor: str | None,
        limit: int,
        first: Callable[[QuerySet[Any, Any], int], list[Any]] = lambda rows, limit: list(rows[:limit]),
    ) -> PageOfRows:
        """At most `limit` rows after the cursor. Raises Invalid.

        owner: who may use the cursor, for instance the workspace's id.
        first: the first ones of the ordered rows, for a list that wants only some of them.
        """
        fetch = lambda after, most: first(self.select(rows, after), most)  # noqa: E731
        return self.page_from(fetch, owner=owner, cursor=cursor, limit=limit)

    def page_from(self, fetch: Fetch, *, owner: str, cursor: str | None, limit: int) -> PageOfRows:
        """The same of rows that are read by `fetch`, with a queryset that `select` made."""
        carried: list[int] = []
        after: list[Any] | None = None
        if cursor is not None:
            key = unsign(self.name, owner, cursor)
            after, carried = key[: len(self.order)], key[len(self.order) :]
        elif self.mirrored:
            carried = [to_milliseconds(sync_mark())]
        found = fetch(after, limit + 1)
        more = len(found) > limit
        page = found[:limit]
        following = sign(self.name, owner, [*self.to_key(page[-1]), *carried]) if more else None
        return PageOfRows(page, following, carried[0] if carried else FROM_THE_BEGINNING)

    def select(self, rows: QuerySet[Any, Any], after: Sequence[Any] | None) -> QuerySet[Any, Any]:
        """The rows in order, those after a key if there is one."""
        return (rows if after is None else self._after(rows, after)).order_by(*self.order)

    def _after(self, rows: QuerySet[Any, Any], key: Sequence[Any]) -> QuerySet[Any, Any]:
        """SQL's row comparison, (a, b) < (x, y): one range of the index, where nested ORs would not be."""
        descending = self.order[0].startswith("-")
        fields = [field.lstrip("-") for field in self.order]
        columns = ", ".join(_column(rows.model, field) for field in fields)
        marks = ", ".join(["%s"] * len(fields))
        comparison = f"({columns}) {'<' if descending else '>'} ({marks})"
        return rows.extra(where=[comparison], params=list(key))  # noqa: S610 - the columns are a Keyset's own


def _column(model: type[Model], field: str) -> str:
    return f'"{model._meta.db_table}"."{model._meta.get_field(field).column}"'  # type: ignore[union-attr]


def sign(name: str, owner: str, key: Any) -> str:
    """An opaque cursor for `key`, good for this list and owner only."""
    return signing.Signer(salt=f"cursor.{name}.{owner}").sign_object(key, compress=True)


def unsign(name: str, owner: str, cursor: str) -> Any:
    """The key within a cursor. Raises Invalid for one that is forged, cut off, or another list's or owner's."""
    try:
        return signing.Signer(salt=f"cursor.{name}.{owner}").unsign_object(cursor)
    except (signing.BadSignature, ValueError) as error:
        raise UnprocessableEntity("cursor: not a cursor of this list.") from error
