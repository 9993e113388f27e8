"""A visitor's thread: the messages of all their conversations in one list, with the state that the widget shows beside them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from brands.business_hours import OpenStatus, open_status
from brands.models import Brand
from conversations.actions import RATED
from conversations.models import Conversation, Message, Presence, Visitor
from conversations.models.presence import PRESENT_FOR
from conversations.timeline import messages_of, trim_to_size
from praxtalk.core.epoch import to_milliseconds
from praxtalk.core.live.functions import ExpiringResult
from widget.actions import newest_first

PAGE = 50
UNREAD: dict[str, Any] = {"seenId": None, "readId": None, "unread": 0}


class Place(NamedTuple):
    """The position of a message in the thread. A page ends before it."""

    conversation: Conversation
    position: int


def page_before(
    workspace_id: UUID, visitor_id: UUID, place: Place | None, limit: int = PAGE
) -> tuple[list[Message], bool]:
    """Return up to `limit` messages before `place`, oldest first, and whether there are older ones.

    place: None for the newest messages.
    """
    conversations = newest_first(workspace_id, visitor_id)
    if place:
        conversations = conversations.filter(created_at__lte=place.conversation.created_at)
    return _page(conversations[: limit + 1], place, limit)


def _page(conversations: Iterable[Conversation], place: Place | None, limit: int) -> tuple[list[Message], bool]:
    """Run one query per conversation, for only as many conversations as the page needs."""
    found: list[Message] = []
    for conversation in conversations:
        rows = messages_of(conversation)
        if place and conversation.pk == place.conversation.pk:
            rows = rows.filter(position__lt=place.position)
        found += rows.order_by("-position")[: limit + 1 - len(found)]
        if len(found) > limit:
            break
    return trim_to_size(found[:limit][::-1], len(found) > limit)


def place_of(workspace_id: UUID, visitor_id: UUID, message_id: UUID) -> Place | None:
    """Return the place of a message in the visitor's thread; None if the thread has no such message."""
    rows = Message.objects.filter(workspace_id=workspace_id, pk=message_id, conversation__visitor_id=visitor_id)
    message = rows.select_related("conversation").first()
    return Place(message.conversation, message.position) if message else None


def thread_json(workspace_id: UUID, visitor_id: UUID) -> ExpiringResult:
    """Return `thread_of` the visitor with this id. Raises Visitor.DoesNotExist."""
    return thread_of(Visitor.objects.select_related("brand").get(workspace_id=workspace_id, pk=visitor_id))


def thread_of(visitor: Visitor) -> ExpiringResult:
    """Return everything that the open widget shows.

    The result expires when somebody stops typing and when the brand opens or closes. This reads `visitor.brand`, so select it
    beforehand.
    """
    hours = standing_of(visitor.brand)
    conversations = list(newest_first(visitor.workspace_id, visitor.pk).select_related("reading")[: PAGE + 1])
    conversation = conversations[0] if conversations else None
    messages, has_more = _page(conversations, None, PAGE)
    typing = list(_typing(conversation)) if conversation else []
    value = {
        "messages": [message_json(message) for message in messages],
        "hasMore": has_more,
        "status": conversation.status if conversation else Conversation.Status.OPEN,
        "typing": [name for name, _ in typing],
        "visitor": {"name": visitor.name, "email": visitor.email or None},
        "rating": rating_json(conversation, visitor) if conversation else None,
        **standing_json(hours),
        **(_read(conversation, messages) if conversation else UNREAD),
    }
    ends = [until for _, until in typing if until] + ([hours.until] if hours.until else [])
    return ExpiringResult(value, until=min(ends, default=None))


def message_json(message: Message) -> dict[str, Any]:
    """Return a message as its visitor sees it.

    The message's id is the only internal id in it. A message that the visitor sent also has the client id that the browser gave
    it.
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
    if conversation.status not in RATED or visitor.blocked_at:
        return None
    return {"conversationId": str(conversation.pk), "value": conversation.rating}


def standing_of(brand: Brand) -> OpenStatus:
    return open_status(brand.business_hours, brand.time_zone, timezone.now())


def standing_json(hours: OpenStatus) -> dict[str, Any]:
    return {"online": hours.is_open, "opensAt": to_milliseconds(hours.opens_at) if hours.opens_at else None}


def _typing(conversation: Conversation) -> QuerySet[Any, tuple[str, datetime | None]]:
    now = timezone.now()
    here = Presence.objects.filter(workspace_id=conversation.workspace_id, conversation_id=conversation.pk)
    here = here.filter(seen_at__gt=now - PRESENT_FOR, typing_until__gt=now)
    return here.order_by("operator__name", "operator_id").values_list("operator__name", "typing_until")


def _read(conversation: Conversation, messages: list[Message]) -> dict[str, Any]:
    """Return how far each side has read in the current conversation.

    A message from the operators' side shows that they have read everything before it.
    """
    shown = [message for message in messages if message.conversation_id == conversation.pk]
    reading = getattr(conversation, "reading", None)
    others = [message.position for message in shown if message.role != Message.Role.VISITOR]
    by_visitor = reading.by_visitor if reading else 0
    return {
        "seenId": _last_id(shown, max([reading.by_operators if reading else 0, *others])),
        "readId": _last_id(shown, by_visitor),
        "unread": sum(position > by_visitor for position in others),
    }


def _last_id(messages: list[Message], position: int) -> str | None:
    return next((str(message.pk) for message in reversed(messages) if message.position <= position), None)
