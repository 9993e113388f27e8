"""What can happen to a conversation. Each action writes, then records the events of it, in one transaction.

Every action takes the conversation's row lock first: changes of one conversation happen one after the other.
"""

from datetime import datetime
from types import EllipsisType

from django.db import transaction
from django.utils import timezone

from brands.models import Operator
from conversations.models import PREVIEW_LENGTH, Channel, Conversation, Message, Visitor
from conversations.serializers import conversation_json, message_json
from integrations.models import EventName
from integrations.webhooks.outbox import record_event
from praxtalk.data.clock import now_after

REOPENED_BY_VISITOR = (Conversation.Status.SNOOZED, Conversation.Status.RESOLVED)


@transaction.atomic
def start_conversation(visitor: Visitor, *, body: str, channel: Channel) -> Conversation:
    """A new open conversation with the visitor's first message."""
    conversation = Conversation.objects.create(
        workspace_id=visitor.workspace_id, brand_id=visitor.brand_id, visitor=visitor, channel=channel
    )
    message = _append(conversation, role=Message.Role.VISITOR, body=body, channel=channel, author=None)
    _record(EventName.CONVERSATION_CREATED, conversation)
    _record_message(message)
    return conversation


@transaction.atomic
def send_message(
    conversation: Conversation, *, role: Message.Role, body: str, channel: Channel, author: Operator | None = None
) -> Message:
    """Add a message to the thread. A visitor's reopens a snoozed or resolved conversation, and after a closed one it starts
    a new one: the message returned tells in which conversation it stands."""
    conversation = _locked(conversation)
    if role == Message.Role.VISITOR and conversation.status == Conversation.Status.CLOSED:
        return start_conversation(conversation.visitor, body=body, channel=channel).messages.get()
    message = _append(conversation, role=role, body=body, channel=channel, author=author)
    if role == Message.Role.VISITOR and conversation.status in REOPENED_BY_VISITOR:
        _change_status(conversation, Conversation.Status.OPEN)
    _record_message(message)
    return message


@transaction.atomic
def set_status(
    conversation: Conversation, *, status: Conversation.Status, snoozed_until: datetime | EllipsisType | None = ...
) -> Conversation:
    """Change the status; the status it has already changes nothing but, when snoozed, the time of waking.

    snoozed_until: with status snoozed, when the conversation reopens by itself; None for not before somebody acts; left
    out, a conversation that is snoozed already keeps its time.
    """
    conversation = _locked(conversation)
    if conversation.status != status:
        _change_status(conversation, status, None if snoozed_until is ... else snoozed_until)
    elif snoozed_until is not ... and conversation.snoozed_until != snoozed_until:
        conversation.snoozed_until = snoozed_until
        conversation.updated_at = now_after(conversation.updated_at)
        conversation.save(update_fields=["snoozed_until", "updated_at"])
    return conversation


@transaction.atomic
def wake_next_snoozed() -> Conversation | None:
    """Reopen one conversation whose time has come, of any workspace; None when there is none."""
    due = Conversation.objects.filter(snoozed_until__lte=timezone.now()).order_by("snoozed_until")
    conversation = due.select_related("visitor").select_for_update(of=("self",), no_key=True, skip_locked=True).first()
    if conversation:
        _change_status(conversation, Conversation.Status.OPEN)
    return conversation


def _locked(conversation: Conversation) -> Conversation:
    rows = Conversation.objects.filter(workspace_id=conversation.workspace_id).with_people()
    return rows.select_for_update(of=("self",), no_key=True).get(pk=conversation.pk)


def _append(
    conversation: Conversation, *, role: Message.Role, body: str, channel: Channel, author: Operator | None
) -> Message:
    now = now_after(conversation.last_message_at)
    conversation.last_position += 1
    conversation.message_count += 1
    conversation.preview = body[:PREVIEW_LENGTH]
    conversation.last_message_at = now
    conversation.updated_at = max(conversation.updated_at, now)
    conversation.save(update_fields=["last_position", "message_count", "preview", "last_message_at", "updated_at"])
    return Message.objects.create(
        workspace_id=conversation.workspace_id,
        conversation=conversation,
        position=conversation.last_position,
        role=role,
        channel=channel,
        author=author,
        body=body,
        created_at=now,
    )


def _change_status(
    conversation: Conversation, status: Conversation.Status, snoozed_until: datetime | None = None
) -> None:
    previous = conversation.status
    conversation.status, conversation.snoozed_until = status, snoozed_until
    conversation.updated_at = now_after(conversation.updated_at)
    conversation.save(update_fields=["status", "snoozed_until", "updated_at"])
    _record(EventName.CONVERSATION_STATUS_CHANGED, conversation, previousStatus=previous)


def _record(name: EventName, conversation: Conversation, **more: object) -> None:
    record_event(
        name,
        workspace_id=conversation.workspace_id,
        brand_id=conversation.brand_id,
        data={"conversation": conversation_json(conversation), **more},
    )


def _record_message(message: Message) -> None:
    conversation = message.conversation
    record_event(
        EventName.MESSAGE_CREATED,
        workspace_id=conversation.workspace_id,
        brand_id=conversation.brand_id,
        data={"message": message_json(message), "conversation": conversation_json(conversation)},
    )
