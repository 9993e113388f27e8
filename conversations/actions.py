"""What can happen to a conversation. Each action writes, records the events of it, and says what changed, in one transaction.

Every action takes the conversation's row lock first: changes of one conversation happen one after the other.
"""

from datetime import datetime, timedelta
from types import EllipsisType

from django.db import transaction
from django.utils import timezone

from brands.models import Operator
from brands.scope import scope_of
from conversations.attachments import attachment_json
from conversations.models import PREVIEW_LENGTH, Attachment, Channel, Conversation, Message, Presence, Reading, Visitor
from conversations.models.presence import PRESENT_FOR, TYPING_FOR
from conversations.serializers import conversation_json, message_json
from integrations.models import EventName
from integrations.webhooks.outbox import record_event
from praxtalk.data.clock import now_after
from praxtalk.live.topics import changed

MAIL_AFTER = timedelta(minutes=5)  # a reply unseen for so long goes to the visitor by e-mail
REOPENED_BY_VISITOR = (Conversation.Status.SNOOZED, Conversation.Status.RESOLVED)


class CannotAnswer(ValueError):
    """The operator may not be given the conversation."""


@transaction.atomic
def start_conversation(
    visitor: Visitor,
    *,
    body: str,
    channel: Channel,
    client_id: str | None = None,
    attachment: Attachment | None = None,
) -> Conversation:
    """A new open conversation with the visitor's first message."""
    conversation = Conversation.objects.create(
        workspace_id=visitor.workspace_id, brand_id=visitor.brand_id, visitor=visitor, channel=channel
    )
    message = _append(
        conversation,
        role=Message.Role.VISITOR,
        body=body,
        channel=channel,
        client_id=client_id,
        attachment=attachment,
    )
    _record(EventName.CONVERSATION_CREATED, conversation)
    _record_message(message)
    changed(*conversation.topics)
    return conversation


@transaction.atomic
def send_message(
    conversation: Conversation,
    *,
    role: Message.Role,
    body: str,
    channel: Channel,
    author: Operator | None = None,
    client_id: str | None = None,
    attachment: Attachment | None = None,
) -> Message:
    """Add a message to the thread. A visitor's reopens a snoozed or resolved conversation, and after a closed one it starts
    a new one: the message returned tells in which conversation it stands.

    client_id: the sender's own name for it; the message that has it already is returned, and nothing changes.
    attachment: one that is `kept` and of no message yet. Without a word, its name is the body.
    """
    conversation = _locked(conversation)
    if client_id and (sent := _sent_before(conversation, client_id)):
        return sent
    if role == Message.Role.VISITOR and conversation.status == Conversation.Status.CLOSED:
        begun = start_conversation(
            conversation.visitor, body=body, channel=channel, client_id=client_id, attachment=attachment
        )
        return begun.messages.get()
    message = _append(
        conversation,
        role=role,
        body=body,
        channel=channel,
        author=author,
        client_id=client_id,
        attachment=attachment,
    )
    if role == Message.Role.VISITOR and conversation.status in REOPENED_BY_VISITOR:
        _change_status(conversation, Conversation.Status.OPEN)
    _record_message(message)
    changed(*conversation.topics)
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
        changed(*conversation.topics)
    elif snoozed_until is not ... and conversation.snoozed_until != snoozed_until:
        conversation.snoozed_until = snoozed_until
        conversation.updated_at = now_after(conversation.updated_at)
        conversation.save(update_fields=["snoozed_until", "updated_at"])
        changed(*conversation.topics)
    return conversation


@transaction.atomic
def assign(conversation: Conversation, *, operator: Operator | None) -> Conversation:
    """Give the conversation to an operator, or to nobody. Raises CannotAnswer."""
    conversation = _locked(conversation)
    if operator is not None:
        is_here = operator.is_active and operator.workspace_id == conversation.workspace_id
        if not is_here or not scope_of(operator).sees_brand(conversation.brand_id):
            raise CannotAnswer("this operator does not see the conversation's brand")
    if conversation.assignee_id != (operator.pk if operator else None):
        conversation.assignee = operator
        conversation.updated_at = now_after(conversation.updated_at)
        conversation.save(update_fields=["assignee", "updated_at"])
        changed(*conversation.topics)
    return conversation


@transaction.atomic
def touch_presence(conversation: Conversation, *, operator: Operator, is_typing: bool) -> Presence:
    """The operator looks at the conversation now. Said only when others see a difference: fading, they look again themselves."""
    now = timezone.now()
    here = Presence.objects.select_for_update(no_key=True).filter(
        workspace_id=conversation.workspace_id, conversation=conversation, operator=operator
    )
    before = here.first()
    was_there = before is not None and before.seen_at > now - PRESENT_FOR
    was_typing = before is not None and before.typing_until is not None and before.typing_until > now
    presence, _ = Presence.objects.update_or_create(
        workspace_id=conversation.workspace_id,
        conversation=conversation,
        operator=operator,
        defaults={"seen_at": now, "typing_until": now + TYPING_FOR if is_typing else None},
    )
    if not was_there or was_typing != is_typing:
        changed(*_topics_of_looking(conversation))
    read_until(conversation, by_operators=conversation.last_position)
    return presence


@transaction.atomic
def read_until(
    conversation: Conversation, *, by_visitor: int = 0, by_operators: int = 0, visitor_types: bool | None = None
) -> Reading:
    """Either side has read up to a position; one that is behind what is known changes nothing.

    visitor_types: whether the visitor types now, which fades; None leaves it.
    """
    rows = Reading.objects.filter(workspace_id=conversation.workspace_id).select_for_update(no_key=True)
    reading, _ = rows.get_or_create(conversation=conversation, defaults={"workspace_id": conversation.workspace_id})
    now, before = timezone.now(), (reading.by_visitor, reading.by_operators, reading.visitor_typing_until)
    was_typing = reading.visitor_typing_until is not None and reading.visitor_typing_until > now
    reading.by_visitor = max(reading.by_visitor, by_visitor)
    reading.by_operators = max(reading.by_operators, by_operators)
    if visitor_types is not None:
        reading.visitor_typing_until = now + TYPING_FOR if visitor_types else None
    elif not was_typing:
        reading.visitor_typing_until = None
    if before != (reading.by_visitor, reading.by_operators, reading.visitor_typing_until):
        reading.save(update_fields=["by_visitor", "by_operators", "visitor_typing_until"])
    if before[:2] != (reading.by_visitor, reading.by_operators) or was_typing != bool(reading.visitor_typing_until):
        changed(*_topics_of_looking(conversation))
    return reading


def _topics_of_looking(conversation: Conversation) -> list[str]:
    """Of operators who look at it together, and of its visitor's thread."""
    thread = Visitor.topic(conversation.workspace_id, conversation.visitor_id)
    return [Presence.topic(conversation.workspace_id, conversation.pk), thread]


@transaction.atomic
def wake_next_snoozed() -> Conversation | None:
    """Reopen one conversation whose time has come, of any workspace; None when there is none."""
    due = Conversation.objects.filter(snoozed_until__lte=timezone.now()).order_by("snoozed_until")
    conversation = due.select_related("visitor").select_for_update(of=("self",), no_key=True, skip_locked=True).first()
    if conversation:
        _change_status(conversation, Conversation.Status.OPEN)
        changed(*conversation.topics)
    return conversation


def _locked(conversation: Conversation) -> Conversation:
    rows = Conversation.objects.filter(workspace_id=conversation.workspace_id).with_people()
    return rows.select_for_update(of=("self",), no_key=True).get(pk=conversation.pk)


def _sent_before(conversation: Conversation, client_id: str) -> Message | None:
    """Looked for in all of the visitor's conversations: it may have begun a new one."""
    rows = Message.objects.filter(workspace_id=conversation.workspace_id, client_id=client_id)
    return rows.filter(conversation__visitor_id=conversation.visitor_id).select_related("conversation").first()


def _append(
    conversation: Conversation,
    *,
    role: Message.Role,
    body: str,
    channel: Channel,
    author: Operator | None = None,
    client_id: str | None = None,
    attachment: Attachment | None = None,
) -> Message:
    body = body or (attachment.name if attachment else "")
    now = now_after(conversation.last_message_at)
    conversation.last_position += 1
    conversation.message_count += 1
    conversation.preview = body[:PREVIEW_LENGTH]
    conversation.last_message_at = now
    conversation.updated_at = max(conversation.updated_at, now)
    if role != Message.Role.VISITOR and conversation.channel == Channel.WIDGET and conversation.visitor.email:
        conversation.mail_due_at = conversation.mail_due_at or now + MAIL_AFTER
    counted = ["last_position", "message_count", "preview", "last_message_at", "updated_at", "mail_due_at"]
    if role != Message.Role.VISITOR and conversation.first_reply_at is None:
        conversation.first_reply_at, conversation.first_reply_by = now, author
        counted += ["first_reply_at", "first_reply_by"]
    conversation.save(update_fields=counted)
    message = Message.objects.create(
        workspace_id=conversation.workspace_id,
        conversation=conversation,
        position=conversation.last_position,
        role=role,
        channel=channel,
        author=author,
        body=body,
        attachments=[attachment_json(attachment)] if attachment else [],
        client_id=client_id,
        created_at=now,
    )
    if attachment:
        attachment.conversation, attachment.position = conversation, message.position
        attachment.save(force_insert=True)
    return message


def _change_status(
    conversation: Conversation, status: Conversation.Status, snoozed_until: datetime | None = None
) -> None:
    previous = conversation.status
    conversation.status, conversation.snoozed_until = status, snoozed_until
    conversation.updated_at = now_after(conversation.updated_at)
    is_over = status in (Conversation.Status.RESOLVED, Conversation.Status.CLOSED)
    conversation.resolved_at = (conversation.resolved_at or conversation.updated_at) if is_over else None
    conversation.save(update_fields=["status", "snoozed_until", "updated_at", "resolved_at"])
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
