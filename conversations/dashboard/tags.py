from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.forms import ModelForm
from django.http import HttpRequest

from accounts.middleware import current_scope
from conversations.actions import create_tag, delete_tag, rename_tag
from conversations.models import ConversationTag, Tag
from praxtalk.core.dashboard.admin import WorkspaceAdmin


class TagForm(ModelForm[Tag]):
    workspace_id: UUID

    def clean_name(self) -> str:
        """Require a name that is unique in the workspace, ignoring case."""
        name: str = self.cleaned_data["name"].strip()
        others = Tag.objects.filter(workspace_id=self.workspace_id, name__iexact=name).exclude(pk=self.instance.pk)
        if others.exists():
            raise ValidationError("A tag with this name already exists.")
        return name


class TagAdmin(WorkspaceAdmin):
    """Tags belong to the whole workspace. Every operator creates and uses them.

    Only operators who see all brands rename and delete them.
    """

    url_prefix = "tags"
    brand_field = None
    can_add = can_change = can_delete = True
    fields = ("name",)
    list_display = ("name", "created")
    empty_icon = "tag"
    search_fields = ("name",)
    ordering = ("name", "id")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and current_scope(request).brand_ids is None

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and current_scope(request).brand_ids is None

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["form"] = type("Form", (TagForm,), {"workspace_id": current_scope(request).workspace_id})
        return super().get_form(request, obj, change=change, **kwargs)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        """Say from how many conversations the tag will be removed."""
        tag = self.get_object(request, object_id)
        count = ConversationTag.objects.filter(workspace_id=tag.workspace_id, tag=tag).count()
        consequence = f"It will be removed from {count} conversation{'s' * (count != 1)}."
        return super().delete_view(request, object_id, {"consequence": consequence, **(extra_context or {})})

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Tag:
        return create_tag(current_scope(request).workspace_id, **values)

    def change(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> None:
        rename_tag(row, **values)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        delete_tag(obj)
