from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.middleware import current_operator
from accounts.roles import Ability
from conversations.search import search_rows
from praxtalk.core.dashboard.admin import ScopedRelatedFilter, WorkspaceAdmin


class VisitorAdmin(WorkspaceAdmin):
    """The visitors who have written, newest first."""

    url_prefix = "visitors"
    list_display = ("name", "email", "phone", "brand", "locale", "created_at")
    list_select_related = ("brand",)
    list_filter = (("brand", ScopedRelatedFilter),)
    search_fields = ("name",)  # shows the search box; get_search_results does the search
    search_help_text = "Search by name, e-mail address or phone number"
    ordering = ("-created_at", "-id")
    change_form_template = "conversations/visitor.html"
    sortable_by = ()
    fields = ("name", "email", "phone", "brand", "external_id", "locale", "page", "created_at")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return search_rows(queryset, search_term), False

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        may_erase = current_operator(request).may(Ability.ERASE)
        return super().render_change_form(request, {**context, "may_erase": may_erase}, *args, **kwargs)
