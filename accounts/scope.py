"""Scope: what somebody of a workspace may see. Every query of theirs begins with it."""

from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet

from accounts.models import Operator

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Scope:
    """brand_ids: None for every brand of the workspace."""

    workspace_id: UUID
    brand_ids: tuple[UUID, ...] | None = None

    def rows(self, rows: QuerySet[Row, Row], *, brand_field: str = "brand_id") -> QuerySet[Row, Row]:
        """Those in scope. brand_field: which of their fields holds the brand's id."""
        rows = rows.filter(workspace_id=self.workspace_id)
        return rows if self.brand_ids is None else rows.filter(**{f"{brand_field}__in": self.brand_ids})

    def sees_brand(self, brand_id: UUID | None) -> bool:
        return self.brand_ids is None or brand_id in self.brand_ids

    def topics(self, kind: str, brand_id: UUID | None = None) -> list[str]:
        """What tells of a change of any row of this kind in scope, or in one brand of it. See `topics_of`."""
        if brand_id is not None:
            return [f"{kind}.{self.workspace_id}.{brand_id}"]
        if self.brand_ids is None:
            return [f"{kind}.{self.workspace_id}"]
        return [f"{kind}.{self.workspace_id}.{each}" for each in self.brand_ids]


def topics_of(kind: str, workspace_id: UUID, brand_id: UUID | None) -> list[str]:
    """What a change of one row of this kind is announced under: its workspace, and its brand."""
    of_brand = [f"{kind}.{workspace_id}.{brand_id}"] if brand_id else []
    return [f"{kind}.{workspace_id}", *of_brand]


def scope_of(operator: Operator) -> Scope:
    """Asks for the brands of an operator who is limited to some."""
    if operator.sees_all_brands:
        return Scope(operator.workspace_id)
    return Scope(operator.workspace_id, tuple(sorted(operator.brands.values_list("pk", flat=True))))
