"""The talk."""

from conversations.models.attachments import MAX_FILE, MAX_FILE_NAME, Attachment
from conversations.models.canned_replies import CANNED_REPLIES, CannedReply
from conversations.models.conversations import (
    INBOX,
    MAX_BODY,
    MAX_CLIENT_ID,
    MAX_EXTERNAL_ID,
    MAX_LOCALE,
    MAX_PAGE,
    PREVIEW_LENGTH,
    Channel,
    Conversation,
    Message,
    Note,
    Visitor,
    unshown,
)
from conversations.models.presence import Presence, Reading

__all__ = [
    "CANNED_REPLIES",
    "INBOX",
    "MAX_BODY",
    "MAX_CLIENT_ID",
    "MAX_EXTERNAL_ID",
    "MAX_FILE",
    "MAX_FILE_NAME",
    "MAX_LOCALE",
    "MAX_PAGE",
    "PREVIEW_LENGTH",
    "Attachment",
    "CannedReply",
    "Channel",
    "Conversation",
    "Message",
    "Note",
    "Presence",
    "Reading",
    "Visitor",
    "unshown",
]
