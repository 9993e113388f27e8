"""The models of visitors, conversations, messages, and everything that belongs to them."""

from conversations.models.activity import (
    MAX_TAG_LENGTH,
    MAX_TAGS,
    TAGS,
    Activity,
    ConversationTag,
    Mention,
    Tag,
    Transcript,
)
from conversations.models.attachments import MAX_FILE_BYTES, MAX_FILE_NAME, Attachment
from conversations.models.canned_replies import CANNED_REPLIES, CannedReply
from conversations.models.conversations import (
    INBOX,
    MAX_EXTERNAL_ID,
    MAX_LOCALE,
    MAX_PAGE,
    MAX_RATING_COMMENT,
    MAX_TIME_ZONE,
    PREVIEW_LENGTH,
    Channel,
    Conversation,
    ConversationQuerySet,
    Visitor,
    private_operator_fields,
)
from conversations.models.messages import MAX_BODY, MAX_CLIENT_ID, Message, Note
from conversations.models.read_states import OperatorReadState, ReadState

__all__ = [
    "CANNED_REPLIES",
    "INBOX",
    "MAX_BODY",
    "MAX_CLIENT_ID",
    "MAX_EXTERNAL_ID",
    "MAX_FILE_BYTES",
    "MAX_FILE_NAME",
    "MAX_LOCALE",
    "MAX_PAGE",
    "MAX_RATING_COMMENT",
    "MAX_TAGS",
    "MAX_TAG_LENGTH",
    "MAX_TIME_ZONE",
    "PREVIEW_LENGTH",
    "TAGS",
    "Activity",
    "Attachment",
    "CannedReply",
    "Channel",
    "Conversation",
    "ConversationQuerySet",
    "ConversationTag",
    "Mention",
    "Message",
    "Note",
    "OperatorReadState",
    "ReadState",
    "Tag",
    "Transcript",
    "Visitor",
    "private_operator_fields",
]
