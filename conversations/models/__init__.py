"""The models of visitors, conversations, messages, and everything that belongs to them."""

from conversations.models.activity import (
    MAX_TAG_LENGTH,
    MAX_TAGS,
    Activity,
    ConversationTag,
    Notification,
    Tag,
    Transcript,
)
from conversations.models.attachments import MAX_FILE_BYTES, MAX_FILE_NAME_LENGTH, Attachment
from conversations.models.canned_replies import CANNED_REPLIES, CannedReply
from conversations.models.conversations import (
    INBOX,
    MAX_EXTERNAL_ID_LENGTH,
    MAX_LOCALE_LENGTH,
    MAX_PAGE_URL_LENGTH,
    MAX_RATING_COMMENT_LENGTH,
    MAX_TIME_ZONE_LENGTH,
    PREVIEW_LENGTH,
    Channel,
    Conversation,
    ConversationQuerySet,
    Visitor,
    private_operator_fields,
)
from conversations.models.messages import MAX_BODY_LENGTH, MAX_CLIENT_ID_LENGTH, Message, Note
from conversations.models.read_states import OperatorReadState, ReadState

__all__ = [
    "CANNED_REPLIES",
    "INBOX",
    "MAX_BODY_LENGTH",
    "MAX_CLIENT_ID_LENGTH",
    "MAX_EXTERNAL_ID_LENGTH",
    "MAX_FILE_BYTES",
    "MAX_FILE_NAME_LENGTH",
    "MAX_LOCALE_LENGTH",
    "MAX_PAGE_URL_LENGTH",
    "MAX_RATING_COMMENT_LENGTH",
    "MAX_TAGS",
    "MAX_TAG_LENGTH",
    "MAX_TIME_ZONE_LENGTH",
    "PREVIEW_LENGTH",
    "Activity",
    "Attachment",
    "CannedReply",
    "Channel",
    "Conversation",
    "ConversationQuerySet",
    "ConversationTag",
    "Message",
    "Note",
    "Notification",
    "OperatorReadState",
    "ReadState",
    "Tag",
    "Transcript",
    "Visitor",
    "private_operator_fields",
]
