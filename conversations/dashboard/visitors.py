from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect

from accounts.middleware import current_operator, current_scope
from accounts.roles import Ability
from conversations.actions import change_visitor
from conversations.models import Conversation, Visitor
from conversations.search import search_rows
from praxtalk.core.dashboard.admin import BoundedPaginator, ScopedRelatedFilter, WorkspaceAdmin

CONVERSATIONS_PER_PAGE = 50
VERIFIED = "Verified: your site has signed the visitor's id."
NOT_VERIFIED = "Not verified: the visitor has entered these details."
OVERWRITTEN = "Your site may send another value when the visitor signs in there again."


class VisitorForm(ModelForm[Visitor]):
    class Meta:
        model = Visitor
        fields = ("name", "email", "phone")
        labels = {"email": "E-mail"}  # noqa: RUF012 - an attribute that Django defines

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.external_id:
            for field in self.fields.values():
                field.help_text = OVERWRITTEN


class BaseVisitorAdmin(WorkspaceAdmin):
    """The visitors who have written, newest first. The page of a visitor shows who they are and all their conversations.

    `leads.dashboard` adds the leads, and registers the admin.
    """

    url_prefix = "visitors"
    can_change = True
    form = VisitorForm
    list_display = ("name", "email_address", "phone", "brand", "locale", "created")
    empty_text = "No visitors yet. They appear here once they have written."
    empty_icon = "users"
    list_select_related = ("brand",)
    list_filter = (("brand", ScopedRelatedFilter),)
    search_fields = ("name",)  # shows the search box; get_search_results does the search
    search_help_text = "Search by name, e-mail address or phone number"
    ordering = ("-created_at", "-id")
    change_form_template = "conversations/visitor.html"
    sortable_by = ()
    context_fields = ("locale", "time_zone", "browser", "page", "referrer")
    readonly_fields = ("brand", "identity", "external_id", "blocked_at", "created_at", *context_fields)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the fields. Of what the browser or the site may have reported, only what is known is shown."""
        optional = ("external_id", "blocked_at")
        known = [name for name in (*optional, *self.context_fields) if getattr(obj, name, None)]
        about = ("brand", "identity", *(name for name in optional if name in known), "created_at")
        context = tuple(name for name in self.context_fields if name in known)
        more = [("Context", {"fields": context})] if context else []
        return [(None, {"fields": ("name", "email", "phone")}), ("About", {"fields": about}), *more]

    @admin.display(description="identity")
    def identity(self, visitor: Visitor) -> str:
        return VERIFIED if visitor.external_id else NOT_VERIFIED

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return search_rows(queryset, search_term), False

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        visitor = kwargs["obj"]
        rows = current_scope(request).rows(Conversation.objects.with_assignee().filter(visitor=visitor))
        pages = BoundedPaginator(rows.order_by("-last_activity_at", "-id"), CONVERSATIONS_PER_PAGE)
        more = {
            "title": "Visitor",
            "show_save_and_continue": False,  # saving stays on the page
            "conversations": pages.get_page(request.GET.get("page")),
            "may_erase": current_operator(request).may(Ability.ERASE),
        }
        return super().render_change_form(request, {**context, **more}, *args, **kwargs)

    def change(self, request: HttpRequest, row: Any, values: dict[str, Any]) -> None:
        change_visitor(row, **values)

    def response_post_save_change(self, request: HttpRequest, obj: Any) -> HttpResponseRedirect:
        """Stay on the visitor's page, which shows more than the form."""
        return redirect("admin:conversations_visitor_change", obj.pk)
