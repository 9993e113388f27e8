"""What the law gives a visitor: a copy of all that is known of them, and its erasure."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect

from accounts.audit import Action, record
from accounts.middleware import scope_in
from accounts.roles import Ability
from conversations.actions.erasure import erase_visitor, locked_conversations
from conversations.models import Conversation, Message, Note, Visitor, unshown
from conversations.serializers import conversation_json, message_json, person_json
from leads.models import Lead
from leads.serializers import lead_json
from praxtalk.core.dashboard.views import Page
from praxtalk.core.db.transactions import one_transaction
from praxtalk.core.epoch import to_milliseconds
from praxtalk.core.live.topics import changed


def visitor_data(visitor: Visitor) -> dict[str, Any]:
    """All that is kept of a visitor, in the shapes of REST; files by their description."""
    conversations = list(Conversation.objects.with_people().filter(visitor=visitor).order_by("created_at", "id"))
    messages_of: dict[UUID, list[Any]] = {one.pk: [] for one in conversations}
    notes_of: dict[UUID, list[Any]] = {one.pk: [] for one in conversations}
    for message in Message.objects.filter(conversation__in=conversations).select_related("author").order_by("position"):
        messages_of[message.conversation_id].append(exported_message_json(message))
    rows = Note.objects.filter(conversation__in=conversations).select_related("author").defer(*unshown("author"))
    for note in rows.order_by("position"):
        shown = {
            "body": note.body,
            "author": person_json(note.author),
            "sender": note.sender,
            "createdAt": to_milliseconds(note.created_at),
        }
        notes_of[note.conversation_id].append(shown)
    return {
        "visitor": visitor_json(visitor),
        "conversations": [
            exported_json(one) | {"messages": messages_of[one.pk], "notes": notes_of[one.pk]} for one in conversations
        ],
        "leads": [lead_json(lead) for lead in Lead.objects.filter(conversation__in=conversations)],
    }


def exported_json(conversation: Conversation) -> dict[str, Any]:
    """With the visitor's rating, which REST does not show."""
    rating = {"rating": conversation.rating, "ratingComment": conversation.rating_comment or None}
    return conversation_json(conversation) | rating


def exported_message_json(message: Message) -> dict[str, Any]:
    """With `sender`, the name that operators see, such as that of the API key."""
    return message_json(message) | {"sender": message.sender}


def visitor_json(visitor: Visitor) -> dict[str, Any]:
    """With what no other answer shows."""
    return {
        "_id": str(visitor.pk),
        "brandId": str(visitor.brand_id),
        "name": visitor.name,
        "email": visitor.email or None,
        "phone": visitor.phone or None,
        "externalId": visitor.external_id,
        "locale": visitor.locale or None,
        "page": visitor.page or None,
        "referrer": visitor.referrer or None,
        "browser": visitor.browser or None,
        "timeZone": visitor.time_zone or None,
        "blockedAt": to_milliseconds(visitor.blocked_at) if visitor.blocked_at else None,
        "createdAt": to_milliseconds(visitor.created_at),
    }


@one_transaction()
def erase(visitor: Visitor) -> int:
    """Delete the visitor, their conversations, and the leads that point to these. How many conversations.

    The conversations are locked before the leads are looked for: a lead that is being created takes that lock too, so none
    is left behind.
    """
    locked_conversations(visitor)
    leads = list(Lead.objects.filter(workspace_id=visitor.workspace_id, conversation__visitor=visitor))
    Lead.objects.filter(pk__in=[lead.pk for lead in leads]).delete()
    changed(*{topic for lead in leads for topic in lead.topics})
    return erase_visitor(visitor, and_events_about=[lead.pk for lead in leads])


class VisitorPage(Page):
    def visitor(self) -> Visitor:
        """Raises Http404 where the operator does not see them."""
        rows = scope_in(self.request).rows(Visitor.objects.select_related("brand"))
        visitor = rows.filter(pk=self.kwargs["id"]).first()
        if visitor is None:
            raise Http404
        return visitor


class ExportVisitor(VisitorPage):
    """GET: a copy of all that is kept of them, as a JSON file."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        visitor = self.visitor()
        record(Action.VISITOR_EXPORTED, workspace_id=visitor.workspace_id, subject=visitor.pk)
        answer = JsonResponse(visitor_data(visitor), json_dumps_params={"indent": 2, "ensure_ascii": False})
        answer["Content-Disposition"] = f'attachment; filename="visitor-{visitor.pk}.json"'
        answer["Cache-Control"] = "no-store"
        return answer


class EraseVisitor(VisitorPage):
    """GET asks whether to; POST does."""

    ability = Ability.ERASE
    title = "Erase a visitor"
    template_name = "admin/erase_visitor.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        visitor = self.visitor()
        conversations = Conversation.objects.filter(visitor=visitor)
        leads = Lead.objects.filter(conversation__visitor=visitor)
        counts = {"conversation_count": conversations.count(), "lead_count": leads.count()}
        return super().get_context_data(**{"visitor": visitor, **counts, **kwargs})

    def post(self, request: HttpRequest, id: UUID) -> HttpResponse:
        erased = erase(self.visitor())
        messages.success(request, f"The visitor is erased, with {erased} conversation{'s' * (erased != 1)}.")
        return redirect("admin:conversations_visitor_changelist")
