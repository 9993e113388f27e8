from typing import Any

from django.http import HttpRequest

from brands.requests import scope_in
from conversations.actions import create_tag, delete_tag, rename_tag
from conversations.models import Tag
from praxtalk.dashboard.scoped import WorkspaceAdmin


class TagAdmin(WorkspaceAdmin):
    """Of the whole workspace: everybody uses and makes them; who sees all brands renames and deletes."""

    place = "tags"
    brand_field = None
    may_add = may_change = may_delete = True
    fields = ("name",)
    list_display = ("name", "created_at")
    search_fields = ("name",)
    ordering = ("name", "id")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and scope_in(request).brand_ids is None

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and scope_in(request).brand_ids is None

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Tag:
        return create_tag(scope_in(request).workspace_id, **values)

    def change(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> None:
        rename_tag(row, **values)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        delete_tag(obj)
