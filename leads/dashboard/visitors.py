from typing import Any

from django.http import HttpRequest, HttpResponse

from accounts.middleware import current_scope
from conversations.dashboard.visitors import BaseVisitorAdmin
from leads.models import Lead

MAX_LEADS = 100


class VisitorAdmin(BaseVisitorAdmin):
    """The visitors. The page of a visitor also shows the leads that refer to one of their conversations, newest first."""

    change_form_template = "leads/visitor.html"

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        rows = current_scope(request).rows(Lead.objects.filter(conversation__visitor=kwargs["obj"]))
        leads = rows.order_by("-created_at", "-id")[:MAX_LEADS]
        return super().render_change_form(request, {**context, "leads": leads}, *args, **kwargs)
