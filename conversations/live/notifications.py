"""Live functions for an operator's notifications: notes that mention them, and conversations that they got or lost."""

from typing import Any

from django.db.models import QuerySet

from accounts.operator_tokens import OperatorCaller, operators
from conversations import actions
from conversations.inbox import MAX_COUNT
from conversations.live.arguments import SeeAssignmentsArguments
from conversations.live.lookups import get_operator
from conversations.models import Notification
from conversations.serializers import person_json
from praxtalk.core.api.serializers import StrictSerializer
from praxtalk.core.epoch import to_milliseconds
from praxtalk.core.live.functions import Arguments, mutation, query

MAX_NOTIFICATIONS = 20
NOTE_EXCERPT_LENGTH = 140


def _notification_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    return [Notification.topic(caller.operator_id)]


@query(
    "inbox:mentions",
    authenticator=operators,
    serializer_class=StrictSerializer,
    topics=_notification_topics,
    personal=True,
)
def list_mentions(caller: OperatorCaller, arguments: Arguments) -> list[dict[str, Any]]:
    """Return the notes that mention the operator and that they have not seen, newest first."""
    rows = caller.scope.rows(
        Notification.objects.filter(operator_id=caller.operator_id, seen_at__isnull=True, note__isnull=False),
        brand_field="note__conversation__brand_id",
    )
    rows = rows.select_related("note__author", "note__conversation__visitor").order_by("-created_at")
    return [
        {
            "noteId": str(note.pk),
            "conversationId": str(note.conversation_id),
            "visitor": note.conversation.visitor.name,
            "author": person_json(note.author),
            "sender": note.sender,
            "body": note.body[:NOTE_EXCERPT_LENGTH],
            "createdAt": to_milliseconds(notification.created_at),
        }
        for notification in rows[:MAX_NOTIFICATIONS]
        if (note := notification.note)
    ]


@query(
    "inbox:assignments",
    authenticator=operators,
    serializer_class=StrictSerializer,
    topics=_notification_topics,
    personal=True,
)
def list_assignments(caller: OperatorCaller, arguments: Arguments) -> dict[str, Any]:
    """Return the conversations that somebody else assigned to the operator and that they have not seen: how many (up to
    MAX_COUNT), and the newest of them. Likewise, the newest that somebody else took from the operator."""
    unseen = caller.scope.rows(
        Notification.objects.filter(operator_id=caller.operator_id, seen_at__isnull=True, conversation__isnull=False),
        brand_field="conversation__brand_id",
    )
    unseen = unseen.order_by("-created_at", "-pk")
    assigned, lost = unseen.filter(is_loss=False), unseen.filter(is_loss=True)
    return {
        "count": assigned[:MAX_COUNT].count(),
        "newest": [_assignment_json(each) for each in _newest(assigned)],
        "lost": [_assignment_json(each) | {"assignedTo": each.assigned_to or None} for each in _newest(lost)],
    }


def _newest(rows: QuerySet[Notification, Notification]) -> QuerySet[Notification, Notification]:
    return rows.select_related("conversation__visitor")[:MAX_NOTIFICATIONS]


def _assignment_json(notification: Notification) -> dict[str, Any]:
    return {
        "id": str(notification.pk),
        "conversationId": str(notification.conversation_id),
        "visitor": notification.subject.visitor.name,
        "assignedBy": notification.assigned_by,
        "createdAt": to_milliseconds(notification.created_at),
    }


@mutation("inbox:seeAssignments", authenticator=operators, serializer_class=SeeAssignmentsArguments)
def mark_assignments_seen(caller: OperatorCaller, arguments: Arguments) -> dict[str, bool]:
    actions.mark_assignments_seen(get_operator(caller, caller.operator_id), until=arguments.get("until"))
    return {"ok": True}
