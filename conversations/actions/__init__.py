"""Every change of a conversation. Each action writes, records its events and publishes its topics in one transaction.

An action locks the conversation's row before it changes the conversation, so changes of one conversation are serialised.
"""

from conversations.actions._base import lock_conversation, locked
from conversations.actions.assignment import CannotAnswer, assign, hand_over, held_by
from conversations.actions.messages import (
    MAIL_AFTER,
    AnsweredMeanwhile,
    begin_conversation,
    send_message,
    start_conversation,
)
from conversations.actions.notes import write_note
from conversations.actions.ratings import RATED, NotAsked, rate
from conversations.actions.read_receipts import read_until, see_assignments, touch_presence
from conversations.actions.statuses import set_status, wake_next_snoozed
from conversations.actions.tags import UnknownTag, change_tags, create_tag, delete_tag, rename_tag
from conversations.actions.team import change_operator
from conversations.actions.transcripts import NoAddress, request_transcript
from conversations.actions.visitors import block_visitor, merge_visitor

__all__ = [
    "MAIL_AFTER",
    "RATED",
    "AnsweredMeanwhile",
    "CannotAnswer",
    "NoAddress",
    "NotAsked",
    "UnknownTag",
    "assign",
    "begin_conversation",
    "block_visitor",
    "change_operator",
    "change_tags",
    "create_tag",
    "delete_tag",
    "hand_over",
    "held_by",
    "lock_conversation",
    "locked",
    "merge_visitor",
    "rate",
    "read_until",
    "rename_tag",
    "request_transcript",
    "see_assignments",
    "send_message",
    "set_status",
    "start_conversation",
    "touch_presence",
    "wake_next_snoozed",
    "write_note",
]
