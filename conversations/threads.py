"""A conversation's messages, page by page from its end."""

from django.db.models import QuerySet

from conversations.models import Conversation, Message, unshown

THREAD_LENGTH = 100
LIVE_CHARACTERS = 250_000  # a live value is sent whole at each change: at most about a megabyte


def messages_of(conversation: Conversation) -> QuerySet[Message]:
    """Each with its author, in one query."""
    rows = Message.objects.filter(workspace_id=conversation.workspace_id, conversation_id=conversation.pk)
    return rows.select_related("author").defer(*unshown("author"))


def messages_after(conversation: Conversation, position: int, limit: int) -> tuple[list[Message], bool]:
    """The next messages behind a position, oldest first, and whether there are more behind them."""
    found = list(messages_of(conversation).filter(position__gt=position).order_by("position")[: limit + 1])
    return found[:limit], len(found) > limit


def messages_before(conversation: Conversation, position: int, limit: int) -> tuple[list[Message], bool]:
    """The last messages before a position, oldest first, and whether there are more before them."""
    found = list(messages_of(conversation).filter(position__lt=position).order_by("-position")[: limit + 1])
    return found[:limit][::-1], len(found) > limit


def newest_messages(conversation: Conversation, limit: int = THREAD_LENGTH) -> tuple[list[Message], bool]:
    """As of when the conversation was read: the two agree."""
    return messages_before(conversation, conversation.last_position + 1, limit)


def within(messages: list[Message], has_more: bool) -> tuple[list[Message], bool]:
    """The newest of a page that are LIVE_CHARACTERS long together, one at least, and whether there are more before them."""
    length = 0
    for count, message in enumerate(reversed(messages)):
        length += len(message.body)
        if count and length > LIVE_CHARACTERS:
            return messages[-count:], True
    return messages, has_more
