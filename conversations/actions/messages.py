"""Start conversations and send messages."""

from datetime import datetime, timedelta

from accounts.audit import Actor
from accounts.models import Operator
from conversations.actions._base import lock_and_reload, record_conversation_event
from conversations.actions.assignment import unassign_if_unavailable
from conversations.actions.statuses import change_status
from conversations.attachments import attachment_json
from conversations.models import PREVIEW_LENGTH, Attachment, Channel, Conversation, Message, Visitor
from conversations.orphaned_files import lock_stored_file
from conversations.serializers import conversation_json, message_json
from integrations.models import ApiKey, EventName
from integrations.webhooks.outbox import record_event
from praxtalk.core.db.transactions import joined_transaction
from praxtalk.core.epoch import now_after
from praxtalk.core.live.topics import publish_on_commit

REPLY_MAIL_DELAY = timedelta(minutes=5)  # a reply that the visitor has not seen for this long is sent by e-mail
REOPENED_BY_VISITOR = (Conversation.Status.SNOOZED, Conversation.Status.RESOLVED)


class ConcurrentReply(ValueError):
    """Somebody else replied after the newest message that the author has seen. `message` is that reply."""

    def __init__(self, message: Message) -> None:
        super().__init__(f"{message.sender} has already replied")
        self.message = message


def start_conversation(
    visitor: Visitor,
    *,
    body: str,
    channel: Channel,
    client_id: str | None = None,
    attachment: Attachment | None = None,
) -> Conversation:
    """Create an open conversation with the visitor's first message. Return the conversation."""
    message = send_first_message(visitor, body=body, channel=channel, client_id=client_id, attachment=attachment)
    return message.conversation


@joined_transaction()
def send_first_message(
    visitor: Visitor,
    *,
    body: str,
    channel: Channel,
    client_id: str | None = None,
    attachment: Attachment | None = None,
) -> Message:
    """Create an open conversation with the visitor's first message. Return the message."""
    conversation = Conversation(
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
    record_conversation_event(EventName.CONVERSATION_CREATED, conversation)
    _record_message(message)
    publish_on_commit(*conversation.topics)
    return message


@joined_transaction()
def send_message(
    conversation: Conversation,
    *,
    role: Message.Role,
    body: str,
    channel: Channel,
    author: Operator | None = None,
    api_key: ApiKey | None = None,
    client_id: str | None = None,
    attachment: Attachment | None = None,
    seen: Message | None = None,
) -> Message:
    """Add a message to the conversation and return it.

    A visitor's message reopens a snoozed or resolved conversation. If the conversation is closed, a visitor's message starts a
    new one, so use the `conversation` of the returned message.

    author: the operator who wrote it.
    api_key: the key of the REST call that sent it, for itself or in the name of the author. Its name is stored with the message.
    client_id: the sender's own id for the message. If a message with this id exists, it is returned and nothing changes.
    attachment: an attachment from `attachments.stored_upload` that no message has yet. Its name becomes the body of a message
    without text. Raises UploadTooOld if it was stored too long ago.
    seen: the newest message that the author has seen. Raises ConcurrentReply, and sends nothing, if somebody else has replied
    after it.
    """
    conversation = lock_and_reload(conversation)
    if client_id and (existing := _existing_message(conversation, client_id)):
        return existing
    if seen and (reply := _reply_after(seen, author)):
        raise ConcurrentReply(reply)
    if role == Message.Role.VISITOR and conversation.status == Conversation.Status.CLOSED:
        return send_first_message(
            conversation.visitor, body=body, channel=channel, client_id=client_id, attachment=attachment
        )
    message = _append(
        conversation,
        role=role,
        body=body,
        channel=channel,
        author=author,
        api_key=api_key,
        client_id=client_id,
        attachment=attachment,
    )
    if role == Message.Role.VISITOR:
        unassign_if_unavailable(conversation)
        if conversation.status in REOPENED_BY_VISITOR:
            change_status(conversation, Conversation.Status.OPEN, actor=Actor(conversation.visitor.name))
    _record_message(message)
    publish_on_commit(*conversation.topics)
    return message


def _existing_message(conversation: Conversation, client_id: str) -> Message | None:
    """Return the message with this client_id. Search all conversations of the visitor: the message may have started a new one."""
    rows = Message.objects.filter(workspace_id=conversation.workspace_id, client_id=client_id)
    return rows.filter(conversation__visitor_id=conversation.visitor_id).select_related("conversation").first()


def _reply_after(seen: Message, author: Operator | None) -> Message | None:
    """Return the newest reply after `seen` that `author` did not write, or None. Visitors' messages do not count."""
    rows = Message.objects.filter(workspace_id=seen.workspace_id, conversation_id=seen.conversation_id)
    replies = rows.filter(position__gt=seen.position).exclude(role=Message.Role.VISITOR).select_related("author")
    return replies.exclude(author=author, author__isnull=False).order_by("-position").first()


def _append(
    conversation: Conversation,
    *,
    role: Message.Role,
    body: str,
    channel: Channel,
    author: Operator | None = None,
    api_key: ApiKey | None = None,
    client_id: str | None = None,
    attachment: Attachment | None = None,
) -> Message:
    """Update the conversation's row, which must be locked or new, and create the message."""
    body = body or (attachment.name if attachment else "")
    now = now_after(conversation.last_activity_at)
    _save_conversation(conversation, role=role, body=body, author=author, now=now)
    message = Message.objects.create(
        workspace_id=conversation.workspace_id,
        conversation=conversation,
        position=conversation.last_position,
        role=role,
        channel=channel,
        author=author,
        api_key=api_key,
        api_key_name=api_key.name if api_key else "",
        body=body,
        attachments=[attachment_json(attachment)] if attachment else [],
        client_id=client_id,
        created_at=now,
    )
    if attachment:
        lock_stored_file(attachment)
        attachment.conversation, attachment.position = conversation, message.position
        attachment.save(force_insert=True)
    return message


def _save_conversation(
    conversation: Conversation, *, role: Message.Role, body: str, author: Operator | None, now: datetime
) -> None:
    """Save what a new message changes in its conversation."""
    conversation.last_position += 1
    conversation.message_count += 1
    conversation.preview = body[:PREVIEW_LENGTH]
    conversation.last_message_at = conversation.last_activity_at = now
    conversation.updated_at = max(conversation.updated_at, now)
    if role != Message.Role.VISITOR and conversation.channel == Channel.WIDGET and conversation.visitor.email:
        conversation.mail_due_at = conversation.mail_due_at or now + REPLY_MAIL_DELAY
    if role == Message.Role.VISITOR:
        conversation.unread_position = conversation.last_position
        conversation.waiting_since = conversation.waiting_since or now
    else:
        conversation.waiting_since = None
    changed_fields = [
        "last_position",
        "unread_position",
        "message_count",
        "preview",
        "last_message_at",
        "last_activity_at",
        "updated_at",
        "mail_due_at",
        "waiting_since",
    ]
    if role != Message.Role.VISITOR and conversation.first_reply_at is None:
        conversation.first_reply_at, conversation.first_reply_by = now, author
        changed_fields += ["first_reply_at", "first_reply_by"]
    if conversation._state.adding:
        conversation.save(force_insert=True)
    else:
        conversation.save(update_fields=changed_fields)


def _record_message(message: Message) -> None:
    conversation = message.conversation
    record_event(
        EventName.MESSAGE_CREATED,
        workspace_id=conversation.workspace_id,
        brand_id=conversation.brand_id,
        data={"message": message_json(message), "conversation": conversation_json(conversation)},
    )
