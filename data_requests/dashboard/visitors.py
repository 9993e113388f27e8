"""Data protection requests of a visitor: export all data about them, or erase it."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts.audit import Action, record
from accounts.middleware import current_scope
from accounts.roles import Ability
from conversations.models import Conversation, Visitor
from data_requests.actions import erase_visitor_and_leads
from data_requests.visitor_data import visitor_data
from leads.models import Lead
from praxtalk.core.dashboard.views import DashboardView
from praxtalk.core.db.ids import parse_id


class VisitorView(DashboardView):
    def visitor(self) -> Visitor:
        """Return the visitor. Raises Http404 if the operator may not see them."""
        return current_scope(self.request).get(Visitor.objects.select_related("brand"), self.kwargs["id"])


class ExportVisitorView(VisitorView):
    """GET returns all data about the visitor as a JSON file."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        visitor = self.visitor()
        record(Action.VISITOR_EXPORTED, workspace_id=visitor.workspace_id, subject=visitor.pk)
        response = JsonResponse(visitor_data(visitor), json_dumps_params={"indent": 2, "ensure_ascii": False})
        response["Content-Disposition"] = f'attachment; filename="visitor-{visitor.pk}.json"'
        response["Cache-Control"] = "no-store"
        return response


class EraseVisitorView(VisitorView):
    """GET asks for confirmation; POST erases the visitor.

    ?conversation= is the id of the conversation in the inbox from which the operator comes, and to which *Cancel* leads back.
    """

    ability = Ability.ERASE
    title = "Erase visitor"
    template_name = "data_requests/erase_visitor.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        visitor = self.visitor()
        conversations = Conversation.objects.filter(visitor=visitor)
        leads = Lead.objects.filter(conversation__visitor=visitor)
        counts = {"conversation_count": conversations.count(), "lead_count": leads.count()}
        cancel = reverse("admin:conversations_visitor_change", args=[visitor.pk])
        if conversation_id := self._conversation_id():
            cancel = reverse("inbox_conversation", args=[conversation_id])
        return super().get_context_data(**{"visitor": visitor, "cancel": cancel, **counts, **kwargs})

    def post(self, request: HttpRequest, id: UUID) -> HttpResponse:
        count = erase_visitor_and_leads(self.visitor())
        messages.success(request, f"The visitor and {count} conversation{'s' * (count != 1)} have been erased.")
        return redirect("inbox" if self._conversation_id() else "admin:conversations_visitor_changelist")

    def _conversation_id(self) -> UUID | None:
        return parse_id(self.request.GET.get("conversation", ""))
