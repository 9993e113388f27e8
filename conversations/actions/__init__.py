"""Every change of a conversation. Each action writes, records its events and publishes its topics in one transaction.

An action locks the conversation's row before it changes the conversation, so changes of one conversation are serialised.
"""

from conversations.actions._base import can_access, lock_and_reload, lock_conversation
from conversations.actions.assignment import (
    CannotAssign,
    assign,
    assign_if_unassigned,
    assigned_to,
    operators_without_access,
    reassign_conversations,
)
from conversations.actions.messages import (
    REPLY_MAIL_DELAY,
    ConcurrentReply,
    send_first_message,
    send_message,
    start_conversation,
)
from conversations.actions.notes import write_note
from conversations.actions.ratings import RATABLE_STATUSES, NotRatable, rate
from conversations.actions.read_receipts import (
    mark_assignments_seen,
    mark_unread,
    read_until,
    set_visitor_typing,
    touch_presence,
)
from conversations.actions.statuses import set_status, wake_next_snoozed
from conversations.actions.tags import InvalidTags, change_tags, create_tag, delete_tag, rename_tag
from conversations.actions.team import change_operator, deactivate_operators
from conversations.actions.transcripts import NoEmailAddress, request_transcript
from conversations.actions.visitors import block_visitor, change_visitor, merge_visitor

__all__ = [
    "RATABLE_STATUSES",
    "REPLY_MAIL_DELAY",
    "CannotAssign",
    "ConcurrentReply",
    "InvalidTags",
    "NoEmailAddress",
    "NotRatable",
    "assign",
    "assign_if_unassigned",
    "assigned_to",
    "block_visitor",
    "can_access",
    "change_operator",
    "change_tags",
    "change_visitor",
    "create_tag",
    "deactivate_operators",
    "delete_tag",
    "lock_and_reload",
    "lock_conversation",
    "mark_assignments_seen",
    "mark_unread",
    "merge_visitor",
    "operators_without_access",
    "rate",
    "read_until",
    "reassign_conversations",
    "rename_tag",
    "request_transcript",
    "send_first_message",
    "send_message",
    "set_status",
    "set_visitor_typing",
    "start_conversation",
    "touch_presence",
    "wake_next_snoozed",
    "write_note",
]
