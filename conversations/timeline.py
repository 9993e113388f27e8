"""Pages of a conversation's messages before or after a position. Pages for operators include notes and activities."""

from typing import Any, TypeVar

from django.db.models import QuerySet

from conversations.models import Activity, Conversation, Message, Note, private_operator_fields
from conversations.serializers import message_json, person_json
from praxtalk.core.db.compiled_queries import compiled
from praxtalk.core.epoch import to_milliseconds

THREAD_LENGTH = 100
Entry = Message | Note | Activity
EntryT = TypeVar("EntryT", bound=Entry)

MAX_LIVE_CHARACTERS = 250_000  # about a megabyte; a live query sends its whole result again after each change


def messages_of(conversation: Conversation) -> QuerySet[Message]:
    """Return the messages of the conversation, each with its author, in one query."""
    rows = Message.objects.filter(workspace_id=conversation.workspace_id, conversation_id=conversation.pk)
    return rows.select_related("author").defer(*private_operator_fields("author"))


def messages_after(conversation: Conversation, position: int, limit: int) -> tuple[list[Message], bool]:
    """Return the next messages after a position, oldest first, and whether there are more after them."""
    found = list(messages_of(conversation).filter(position__gt=position).order_by("position")[: limit + 1])
    return found[:limit], len(found) > limit


def messages_before(conversation: Conversation, position: int, limit: int) -> tuple[list[Message], bool]:
    """Return the last messages before a position, oldest first, and whether there are more before them."""
    found = _before(
        workspace_id=conversation.workspace_id, conversation_id=conversation.pk, position=position, limit=limit + 1
    )
    return found[:limit][::-1], len(found) > limit


@compiled(literal=("limit",))
def _before(workspace_id: Any, conversation_id: Any, position: Any, limit: int) -> QuerySet[Message, Message]:
    rows = Message.objects.filter(workspace_id=workspace_id, conversation_id=conversation_id, position__lt=position)
    return rows.select_related("author").defer(*private_operator_fields("author")).order_by("-position")[:limit]


def newest_messages(conversation: Conversation, limit: int = THREAD_LENGTH) -> tuple[list[Message], bool]:
    """Return the newest messages, oldest first, and whether there are more before them.

    Messages that were sent after `conversation` was read are left out, so that the two agree.
    """
    return messages_before(conversation, conversation.last_position + 1, limit)


def entries_before(conversation: Conversation, position: int, limit: int) -> tuple[list[Entry], bool]:
    """Return the last entries of all three kinds before a position, oldest first, and whether there are more before them."""
    notes = Note.objects.filter(workspace_id=conversation.workspace_id, conversation=conversation)
    notes = notes.select_related("author").defer(*private_operator_fields("author"))
    activities = Activity.objects.filter(workspace_id=conversation.workspace_id, conversation=conversation)
    found: list[Entry] = []
    for rows in (messages_of(conversation), notes, activities):
        found += rows.filter(position__lt=position).order_by("-position")[: limit + 1]
    found.sort(key=lambda entry: entry.position, reverse=True)
    return found[:limit][::-1], len(found) > limit


def entry_json(entry: Entry) -> dict[str, Any]:
    """Return an entry as JSON with its `type`: message, note or activity.

    Messages and notes have a `sender`, the name that operators see.
    """
    position = {"position": entry.position}
    if isinstance(entry, Message):
        return message_json(entry) | position | {"type": "message", "sender": entry.sender}
    common = {"_id": str(entry.pk), "createdAt": to_milliseconds(entry.created_at)} | position
    if isinstance(entry, Note):
        return common | {
            "type": "note",
            "body": entry.body,
            "author": person_json(entry.author),
            "sender": entry.sender,
        }
    return common | {"type": "activity", "kind": entry.kind, "actor": entry.actor, "details": entry.details}


def trim_to_size(entries: list[EntryT], has_more: bool) -> tuple[list[EntryT], bool]:
    """Return the newest entries of a page with at most MAX_LIVE_CHARACTERS in total, and whether there are more before them.

    Always keeps at least one entry. has_more: whether there are more before the page.
    """
    length = 0
    for count, entry in enumerate(reversed(entries)):
        length += len(getattr(entry, "body", ""))
        if count and length > MAX_LIVE_CHARACTERS:
            return entries[-count:], True
    return entries, has_more
