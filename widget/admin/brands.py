from typing import Any

from django.http import HttpRequest

from brands.actions import configure_widget, create_brand
from brands.models import Brand
from brands.requests import operator_of
from praxtalk.dashboard.scoped import WorkspaceAdmin


class BrandAdmin(WorkspaceAdmin):
    """Those that the operator sees. Only who sees all brands makes new ones."""

    place = "brands"
    ability = "brands"
    brand_field = "pk"
    may_add = may_change = True
    list_display = ("name", "widget_id", "created_at")
    ordering = ("created_at", "id")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and operator_of(request).sees_all_brands

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ("name", "primary_color")
        return ("primary_color", "side", "greeting", "privacy_url", "time_zone", "email_from")

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Brand:
        return create_brand(operator_of(request).workspace, **values)

    def change(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> None:
        configure_widget(row, **values)
