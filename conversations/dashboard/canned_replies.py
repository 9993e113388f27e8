import re
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.text import Truncator

from accounts.middleware import current_scope
from conversations.actions.canned_replies import change_canned_reply, create_canned_reply, delete_canned_reply
from conversations.models import CannedReply
from praxtalk.core.dashboard.admin import ScopedRelatedFilter, WorkspaceAdmin

# The names in {{...}} that the inbox replaces, see static/dashboard/inbox/thread.js.
PLACEHOLDERS = ("visitor.name", "visitor.email", "operator.name", "brand.name")
KNOWN_PLACEHOLDERS = ", ".join(f"{{{{{name}}}}}" for name in PLACEHOLDERS)


class CannedReplyForm(ModelForm[CannedReply]):
    workspace_id: UUID

    class Meta:
        model = CannedReply
        fields = ("shortcut", "brand", "body")
        help_texts = {  # noqa: RUF012 - an attribute that Django defines
            "shortcut": "Letters, digits, hyphens and underscores. In the inbox, operators type / and the shortcut.",
            "body": f"The inbox replaces these placeholders: {KNOWN_PLACEHOLDERS}.",
        }

    def clean_body(self) -> str:
        """Reject unknown placeholders, which visitors would receive unreplaced."""
        body: str = self.cleaned_data["body"]
        unknown = sorted(set(re.findall(r"\{\{\s*([\w.]+)\s*\}\}", body)) - set(PLACEHOLDERS))
        if unknown:
            raise ValidationError(
                f"{{{{{unknown[0]}}}}} is not a placeholder. Available placeholders: {KNOWN_PLACEHOLDERS}."
            )
        return body

    def clean(self) -> dict[str, Any]:
        """Require a shortcut that is unique within its brand, or among the replies for all brands."""
        values: dict[str, Any] = super().clean() or {}
        others = CannedReply.objects.filter(workspace_id=self.workspace_id, brand=values.get("brand"))
        if others.filter(shortcut__iexact=values.get("shortcut", "")).exclude(pk=self.instance.pk).exists():
            self.add_error("shortcut", "A canned reply with this shortcut already exists.")
        return values


class CannedReplyAdmin(WorkspaceAdmin):
    """Operators see the replies of their brands and those for all brands. Only operators who see all brands change the latter."""

    url_prefix = "canned-replies"
    can_add = can_change = can_delete = True
    fields = ("shortcut", "brand", "body")
    list_display = ("__str__", "excerpt", "brand", "updated_at")
    list_select_related = ("brand",)
    list_filter = (("brand", ScopedRelatedFilter),)
    search_fields = ("shortcut", "body")
    ordering = ("shortcut", "id")

    def rows(self, request: HttpRequest, rows: QuerySet[Any], brand_field: str | None) -> QuerySet[Any]:
        scope = current_scope(request)
        rows = rows.filter(workspace_id=scope.workspace_id)
        return rows if scope.brand_ids is None else rows.filter(Q(brand__in=scope.brand_ids) | Q(brand=None))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _can_edit(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and _can_edit(request, obj)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["form"] = type("Form", (CannedReplyForm,), {"workspace_id": current_scope(request).workspace_id})
        form = super().get_form(request, obj, change=change, **kwargs)
        if "brand" in form.base_fields:
            form.base_fields["brand"].required = current_scope(request).brand_ids is not None
        return form

    def create(self, request: HttpRequest, values: dict[str, Any]) -> CannedReply:
        return create_canned_reply(current_scope(request).workspace_id, **values)

    def change(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> None:
        change_canned_reply(row, **values)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        delete_canned_reply(obj)

    @admin.display(description="text")
    def excerpt(self, reply: CannedReply) -> str:
        return Truncator(reply.body).chars(100)


def _can_edit(request: HttpRequest, reply: CannedReply | None) -> bool:
    scope = current_scope(request)
    return reply is None or scope.brand_ids is None or reply.brand_id in scope.brand_ids
