"""Change the status of a conversation: open, snoozed, resolved or closed."""

from datetime import datetime
from types import EllipsisType

from django.utils import timezone

from accounts.audit import Actor
from conversations.actions._base import add_activity, lock_and_reload, record_conversation_event
from conversations.actions.assignment import unassign_if_unavailable
from conversations.models import Activity, Conversation
from integrations.models import EventName
from praxtalk.core.db.transactions import joined_transaction
from praxtalk.core.epoch import now_after, to_milliseconds
from praxtalk.core.live.topics import publish_on_commit


@joined_transaction()
def set_status(
    conversation: Conversation, *, status: Conversation.Status, snoozed_until: datetime | EllipsisType | None = ...
) -> Conversation:
    """Change the status. If the conversation has this status already, only the end of its snooze can change.

    snoozed_until: with status snoozed, when the conversation reopens by itself; None if it does not. If omitted, a conversation
    that is snoozed already keeps its time.
    """
    conversation = lock_and_reload(conversation)
    if conversation.status != status:
        change_status(conversation, status, None if snoozed_until is ... else snoozed_until)
        if status == Conversation.Status.OPEN:
            unassign_if_unavailable(conversation)
        publish_on_commit(*conversation.topics)
    elif snoozed_until is not ... and conversation.snoozed_until != snoozed_until:
        conversation.snoozed_until = snoozed_until
        conversation.updated_at = now_after(conversation.updated_at)
        conversation.save(update_fields=["snoozed_until", "updated_at"])
        publish_on_commit(*conversation.topics)
    return conversation


@joined_transaction()
def wake_next_snoozed() -> Conversation | None:
    """Reopen one snoozed conversation that is due, in any workspace. Return it, or None if none is due.

    The conversation moves to the top of the lists and becomes unread, as after a new message.
    """
    due = Conversation.objects.filter(snoozed_until__lte=timezone.now()).order_by("snoozed_until")
    conversation = due.select_related("visitor").select_for_update(of=("self",), no_key=True, skip_locked=True).first()
    if conversation:
        unassign_if_unavailable(conversation)
        change_status(conversation, Conversation.Status.OPEN, actor=Actor())
        conversation.unread_position = conversation.last_position
        conversation.last_activity_at = now_after(conversation.last_activity_at)
        conversation.save(update_fields=["unread_position", "last_activity_at"])
        publish_on_commit(*conversation.topics)
    return conversation


def change_status(
    conversation: Conversation,
    status: Conversation.Status,
    snoozed_until: datetime | None = None,
    *,
    actor: Actor | None = None,
) -> None:
    """Set the status of a locked row, and record the event and the activity. The caller publishes the topics.

    actor: who changed it, if not the current actor: the visitor who wrote, or PraxTalk itself at the end of a snooze.
    """
    previous = conversation.status
    conversation.status, conversation.snoozed_until = status, snoozed_until
    conversation.updated_at = now_after(conversation.updated_at)
    is_over = status in (Conversation.Status.RESOLVED, Conversation.Status.CLOSED)
    conversation.resolved_at = (conversation.resolved_at or conversation.updated_at) if is_over else None
    if is_over:
        conversation.waiting_since = None
    conversation.save(update_fields=["status", "snoozed_until", "updated_at", "resolved_at", "waiting_since"])
    record_conversation_event(EventName.CONVERSATION_STATUS_CHANGED, conversation, previousStatus=previous)
    until = {"until": to_milliseconds(snoozed_until)} if snoozed_until else {}
    ended = {"snoozeEnded": True} if actor and previous == Conversation.Status.SNOOZED else {}
    add_activity(conversation, Activity.Kind.STATUS, actor=actor, status=status, previous=previous, **until, **ended)
