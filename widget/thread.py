"""A visitor's thread: the messages of all their conversations in one list, with the state that the widget shows next to them."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.utils import timezone

from accounts.models import Operator
from brands.business_hours import OpenStatus, open_status
from brands.models import Brand
from conversations import presence
from conversations.actions import RATABLE_STATUSES
from conversations.models import Conversation, Message, Visitor
from conversations.timeline import messages_of, trim_to_size
from praxtalk.core.epoch import to_milliseconds
from praxtalk.core.live.functions import ExpiringResult
from widget.actions import newest_first

PAGE_SIZE = 50
MAX_NAMED_DELAY = timedelta(days=7)
NOTHING_READ: dict[str, Any] = {"seenId": None, "readId": None, "unread": 0}


class ThreadPosition(NamedTuple):
    """The position of a message in the thread. A page ends before it."""

    conversation: Conversation
    position: int


def page_before(
    workspace_id: UUID, visitor_id: UUID, before: ThreadPosition | None, limit: int = PAGE_SIZE
) -> tuple[list[Message], bool]:
    """Return up to `limit` messages before `before`, oldest first, and whether there are older ones.

    before: None for the newest messages.
    """
    conversations = newest_first(workspace_id, visitor_id)
    if before:
        conversations = conversations.filter(created_at__lte=before.conversation.created_at)
    return _page(conversations[: limit + 1], before, limit)


def _page(
    conversations: Iterable[Conversation], before: ThreadPosition | None, limit: int
) -> tuple[list[Message], bool]:
    """Run one query per conversation, for only as many conversations as the page needs."""
    found: list[Message] = []
    for conversation in conversations:
        rows = messages_of(conversation)
        if before and conversation.pk == before.conversation.pk:
            rows = rows.filter(position__lt=before.position)
        found += rows.order_by("-position")[: limit + 1 - len(found)]
        if len(found) > limit:
            break
    return trim_to_size(found[:limit][::-1], len(found) > limit)


def position_of(workspace_id: UUID, visitor_id: UUID, message_id: UUID) -> ThreadPosition | None:
    """Return the position of a message in the visitor's thread; None if the thread has no such message."""
    rows = Message.objects.filter(workspace_id=workspace_id, pk=message_id, conversation__visitor_id=visitor_id)
    message = rows.select_related("conversation").first()
    return ThreadPosition(message.conversation, message.position) if message else None


def thread_of(visitor: Visitor) -> ExpiringResult:
    """Return everything that the open widget shows.

    The result expires when somebody stops typing and when the brand opens or closes. Reads `visitor.brand`: load it first.
    """
    hours = open_status_of(visitor.brand)
    conversations = list(newest_first(visitor.workspace_id, visitor.pk).select_related("read_state")[: PAGE_SIZE + 1])
    conversation = conversations[0] if conversations else None
    messages, has_more = _page(conversations, None, PAGE_SIZE)
    typing = _typing(conversation) if conversation else []
    value = {
        "messages": [visitor_message_json(message) for message in messages],
        "hasMore": has_more,
        "status": conversation.status if conversation else Conversation.Status.OPEN,
        "typing": [name for name, _ in typing],
        "visitor": visitor_json(visitor),
        "rating": rating_json(conversation, visitor) if conversation else None,
        **open_status_json(hours),
        **(_read_state_json(conversation, messages) if conversation else NOTHING_READ),
    }
    expiries = [until for _, until in typing] + ([hours.until] if hours.until else [])
    return ExpiringResult(value, expires_at=min(expiries, default=None))


def visitor_json(visitor: Visitor) -> dict[str, Any]:
    """Return the visitor's details that the widget shows."""
    return {"name": visitor.name, "email": visitor.email or None}


def visitor_message_json(message: Message) -> dict[str, Any]:
    """Return a message as its visitor sees it.

    It contains no internal id except the message's. A message that the visitor sent also has its client id, which the browser
    chose.
    """
    is_own = message.role == Message.Role.VISITOR
    return {
        "_id": str(message.pk),
        "role": message.role,
        "body": message.body,
        "attachments": message.attachments,
        "author": {"name": message.author.name} if message.author else None,
        "createdAt": to_milliseconds(message.created_at),
        "clientId": message.client_id if is_own else None,
    }


def rating_json(conversation: Conversation, visitor: Visitor) -> dict[str, Any] | None:
    """Return the id of a finished conversation and the visitor's rating, 1 (bad) to 5 (good), or None before they rate it.

    Return None if the visitor is not asked for a rating.
    """
    if conversation.status not in RATABLE_STATUSES or visitor.blocked_at:
        return None
    return {"conversationId": str(conversation.pk), "value": conversation.rating}


def open_status_of(brand: Brand) -> OpenStatus:
    return open_status(brand.business_hours, brand.time_zone, timezone.now())


def open_status_json(hours: OpenStatus) -> dict[str, Any]:
    """Return whether the brand is open, and when it opens next; None if that is more than a week away, as after holidays.

    The widget names the weekday of that time, which would be ambiguous.
    """
    opens_at = hours.opens_at
    is_soon = opens_at is not None and opens_at - timezone.now() <= MAX_NAMED_DELAY
    return {"online": hours.is_open, "opensAt": to_milliseconds(opens_at) if opens_at and is_soon else None}


def _typing(conversation: Conversation) -> list[tuple[str, datetime]]:
    """Return the names of the operators who are typing, each with the time at which that expires."""
    present = presence.present_operators(conversation.workspace_id, conversation.pk)
    typing = {pk: each.typing_until for pk, each in present.items() if each.typing_until}
    if not typing:
        return []
    operators = Operator.objects.filter(workspace_id=conversation.workspace_id, pk__in=typing).order_by("name", "pk")
    return [(name, typing[pk]) for pk, name in operators.values_list("pk", "name")]


def _read_state_json(conversation: Conversation, messages: list[Message]) -> dict[str, Any]:
    """Return how far each side has read in the current conversation.

    A message from the operators' side shows that they have read everything before it.
    """
    current = [message for message in messages if message.conversation_id == conversation.pk]
    read_state = getattr(conversation, "read_state", None)
    operator_positions = [message.position for message in current if message.role != Message.Role.VISITOR]
    by_visitor = read_state.by_visitor if read_state else 0
    return {
        "seenId": _last_id(current, max([read_state.by_operators if read_state else 0, *operator_positions])),
        "readId": _last_id(current, by_visitor),
        "unread": sum(position > by_visitor for position in operator_positions),
    }


def _last_id(messages: list[Message], position: int) -> str | None:
    return next((str(message.pk) for message in reversed(messages) if message.position <= position), None)
