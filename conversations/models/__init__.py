"""The talk."""

from conversations.models.conversations import (
    INBOX,
    MAX_BODY,
    MAX_CLIENT_ID,
    PREVIEW_LENGTH,
    Channel,
    Conversation,
    Message,
    Note,
    Visitor,
    unshown,
)
from conversations.models.presence import Presence

__all__ = [
    "INBOX",
    "MAX_BODY",
    "MAX_CLIENT_ID",
    "PREVIEW_LENGTH",
    "Channel",
    "Conversation",
    "Message",
    "Note",
    "Presence",
    "Visitor",
    "unshown",
]
