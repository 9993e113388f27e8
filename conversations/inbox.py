"""The inbox: which conversations an operator sees, in which order, and how many there are."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from brands.models import Brand
from brands.scope import Scope
from conversations.models import Conversation, Message, Visitor
from conversations.search import body_words, visitor_words, words_query
from praxtalk.data.ids import parse_id

NOBODY = "none"
MAX_COUNT = 1000  # counted no further: a number that large is read as "many", and the index is left early
NEWEST_FIRST = ("-last_message_at", "-id")

Status = Conversation.Status


def listed(
    scope: Scope,
    *,
    brand: Brand | None = None,
    status: str | None = None,
    assignee: str | None = None,
    text: str | None = None,
) -> QuerySet[Conversation, Conversation]:
    """Newest activity first.

    assignee: an operator's id, or NOBODY.
    text: every word of it begins a word of the visitor's name, e-mail or phone, or all do so in one message.
    """
    rows = scope.rows(Conversation.objects.all())
    if brand is not None:
        rows = rows.filter(brand_id=brand.pk)
    if status is not None:
        rows = rows.filter(status=status)
    if assignee == NOBODY:
        rows = rows.filter(assignee__isnull=True)
    elif assignee is not None:
        operator_id = parse_id(assignee)
        rows = rows.filter(assignee_id=operator_id) if operator_id else rows.none()
    if text:
        rows = _found(rows, scope.workspace_id, text)
    return rows.order_by(*NEWEST_FIRST)


def counted(scope: Scope, *, brand: Brand | None, operator_id: UUID) -> dict[str, int]:
    """Conversations by status, and the open ones of this operator and of nobody; each up to MAX_COUNT."""
    views: dict[str, dict[str, Any]] = {status.value: {"status": status} for status in Status}
    views |= {
        "mine": {"status": Status.OPEN, "assignee": str(operator_id)},
        "unassigned": {"status": Status.OPEN, "assignee": NOBODY},
    }
    return {name: listed(scope, brand=brand, **filters)[:MAX_COUNT].count() for name, filters in views.items()}


def _found(rows: QuerySet[Any, Any], workspace_id: UUID, text: str) -> QuerySet[Any, Any]:
    words = words_query(text)
    if words is None:
        return rows.none()
    visitors = Visitor.objects.filter(workspace_id=workspace_id).annotate(words=visitor_words()).filter(words=words)
    messages = Message.objects.filter(workspace_id=workspace_id).annotate(words=body_words()).filter(words=words)
    by_visitor = Conversation.objects.filter(workspace_id=workspace_id, visitor_id__in=visitors.values("pk"))
    # Two indexes, then the rows: with OR instead of the union, every conversation would be looked at.
    return rows.filter(pk__in=by_visitor.values("pk").union(messages.values("conversation_id")))
