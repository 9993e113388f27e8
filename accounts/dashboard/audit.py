from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from accounts.audit import Action
from accounts.models import AuditEntry, Operator
from praxtalk.core.dashboard.admin import WorkspaceAdmin
from praxtalk.core.db.ids import parse_id


class ActionFilter(admin.SimpleListFilter):
    title = "action"
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(value), str(label)) for value, label in Action.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(action=self.value()) if self.value() else queryset


class OperatorFilter(admin.SimpleListFilter):
    title = "actor"
    parameter_name = "operator"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(operator.pk), str(operator)) for operator in model_admin.visible_objects(Operator, request)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = {pk for pk, _ in self.lookup_choices}
        return queryset.filter(operator_id=self.value()) if self.value() in known else queryset


class AuditAdmin(WorkspaceAdmin):
    """A read-only list, newest first."""

    url_prefix = "audit-log"
    title = "Audit log"
    ability = "audit"
    brand_field = None
    list_display = ("created_at", "actor_label", "action_label", "subject_link", "details_text", "address")
    fields = readonly_fields = list_display
    list_filter = (ActionFilter, OperatorFilter)
    ordering = ("-created_at", "-id")
    list_select_related = ("operator",)

    @admin.display(description="actor")
    def actor_label(self, entry: AuditEntry) -> str:
        """Return the actor's name at that time.

        Operators choose their own names, so add the e-mail address, which they cannot change.
        """
        return f"{entry.actor} ({entry.operator.email})" if entry.operator else entry.actor

    @admin.display(description="action", ordering="action")
    def action_label(self, entry: AuditEntry) -> str:
        return Action(entry.action).label if entry.action in Action.values else entry.action

    @admin.display(description="subject", ordering="subject")
    def subject_link(self, entry: AuditEntry) -> str:
        """Return the subject. For a changed or exported visitor the log has only the id, so link it to their page.

        The page exists until the visitor is erased.
        """
        if entry.action in (Action.VISITOR_CHANGED, Action.VISITOR_EXPORTED) and parse_id(entry.subject):
            page = reverse("admin:conversations_visitor_change", args=[entry.subject])
            return format_html('<a href="{}">{}</a>', page, entry.subject)
        return entry.subject

    @admin.display(description="details")
    def details_text(self, entry: AuditEntry) -> str:
        return ", ".join(f"{name}: {_text(value)}" for name, value in entry.details.items())


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
