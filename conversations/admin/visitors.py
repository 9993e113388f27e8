from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from conversations.models import Visitor
from conversations.search import visitor_words, words_query
from praxtalk.dashboard.scoped import SeenFilter, WorkspaceAdmin


class VisitorAdmin(WorkspaceAdmin):
    """Who has written, the newest first."""

    place = "visitors"
    list_display = ("name", "email", "phone", "brand", "locale", "created_at")
    list_select_related = ("brand",)
    list_filter = (("brand", SeenFilter),)
    search_fields = ("name",)  # shows the box; the search is get_search_results
    search_help_text = "Words of the name, e-mail address or phone number"
    ordering = ("-created_at", "-id")
    sortable_by = ()
    fields = ("name", "email", "phone", "brand", "external_id", "locale", "page", "created_at")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        query = words_query(search_term)
        return (queryset.annotate(words=visitor_words()).filter(words=query) if query else queryset), False

    @admin.display(description="page")
    def page_link(self, visitor: Visitor) -> str:
        return visitor.page
