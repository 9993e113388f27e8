"""Scope: which rows of a workspace an operator may see. Every query on their behalf starts from it."""

from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import Http404

from accounts.models import Operator
from praxtalk.core.db.ids import parse_id

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Scope:
    """A workspace and some of its brands. brand_ids: None for all brands."""

    workspace_id: UUID
    brand_ids: tuple[UUID, ...] | None = None

    def rows(self, rows: QuerySet[Row, Row], *, brand_field: str | None = "brand_id") -> QuerySet[Row, Row]:
        """Return the rows that are in scope.

        brand_field: the field that contains the brand's id; None for rows that every operator of the workspace may see.
        """
        rows = rows.filter(workspace_id=self.workspace_id)
        if self.brand_ids is None or brand_field is None:
            return rows
        return rows.filter(**{f"{brand_field}__in": self.brand_ids})

    def get(self, rows: QuerySet[Row, Row], row_id: UUID | str, *, brand_field: str | None = "brand_id") -> Row:
        """Return the row with this id, which may be any text. Raises Http404 if there is none in scope."""
        pk = parse_id(str(row_id))
        row = self.rows(rows, brand_field=brand_field).filter(pk=pk).first() if pk else None
        if row is None:
            raise Http404(f"No such {rows.model._meta.verbose_name}.")
        return row

    def sees_brand(self, brand_id: UUID | None) -> bool:
        return self.brand_ids is None or brand_id in self.brand_ids

    def topics(self, kind: str, brand_id: UUID | None = None) -> list[str]:
        """Return the topics to subscribe to for changes of rows of this kind, in scope or in one brand. See `topics_of`."""
        if brand_id is not None:
            return [f"{kind}.{self.workspace_id}.{brand_id}"]
        if self.brand_ids is None:
            return [f"{kind}.{self.workspace_id}"]
        return [f"{kind}.{self.workspace_id}.{each}" for each in self.brand_ids]


def topics_of(kind: str, workspace_id: UUID, brand_id: UUID | None) -> list[str]:
    """Return the topics to publish when a row of this kind changes: that of its workspace and that of its brand."""
    of_brand = [f"{kind}.{workspace_id}.{brand_id}"] if brand_id else []
    return [f"{kind}.{workspace_id}", *of_brand]


def scope_of(operator: Operator) -> Scope:
    """Return the operator's scope. Queries their brands if they are limited to some."""
    if operator.sees_all_brands:
        return Scope(operator.workspace_id)
    return Scope(operator.workspace_id, tuple(sorted(operator.brands.values_list("pk", flat=True))))
