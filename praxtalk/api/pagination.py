"""Keyset pages: a cursor names the last row that was seen, so that a page costs the same at row 50 and row 5,000,000."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.core import signing
from django.db.models import Model, QuerySet

from praxtalk.api.errors import Invalid

DEFAULT_LIMIT = 50
MAX_LIMIT = 100


@dataclass(frozen=True)
class Keyset:
    """How one list is ordered, and the cursor that follows from it.

    name: of the list; a cursor of another list or workspace is refused.
    order: fields of the ordering, the last one unique, each "-field" or all "field".
    to_key: a row's values of these fields, as JSON and as SQL takes them.
    """

    name: str
    order: tuple[str, ...]
    to_key: Callable[[Any], list[Any]]

    def page(
        self,
        rows: QuerySet[Any, Any],
        *,
        owner: str,
        cursor: str | None,
        limit: int,
        first: Callable[[QuerySet[Any, Any], int], list[Any]] = lambda rows, limit: list(rows[:limit]),
    ) -> tuple[list[Any], str | None]:
        """At most `limit` rows after the cursor, and the next cursor if there are more. Raises Invalid.

        owner: who may use the cursor, for instance the workspace's id.
        first: the first ones of the ordered rows, for a list that wants only some of them.
        """
        if cursor is not None:
            rows = self._after(rows, unsign(self.name, owner, cursor))
        found = first(rows.order_by(*self.order), limit + 1)
        more = len(found) > limit
        page = found[:limit]
        return page, sign(self.name, owner, self.to_key(page[-1])) if more else None

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
        raise Invalid("cursor: not a cursor of this list.") from error
