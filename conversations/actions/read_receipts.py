"""Record presence and typing in a conversation, read and unread positions, and which notifications an operator has seen."""

from datetime import datetime

from django.db.models import F, OuterRef, Q, Subquery
from django.db.models.functions import Greatest
from django.utils import timezone

from accounts.models import Operator
from conversations import presence
from conversations.actions._base import lock_and_reload
from conversations.models import Conversation, Notification, OperatorReadState, ReadState, Visitor
from praxtalk.core.db.transactions import joined_transaction
from praxtalk.core.epoch import MILLISECOND
from praxtalk.core.live.topics import publish_on_commit


@joined_transaction()
def touch_presence(conversation: Conversation, *, operator: Operator, is_typing: bool) -> None:
    """Record that the operator is looking at the conversation now, and has read all of it.

    If nothing has changed, this writes no row. Presence is published only when others see a difference: live queries re-run by
    themselves when presence or typing expires.
    """
    if presence.record_operator(conversation, operator.pk, is_typing=is_typing):
        publish_on_commit(*_reader_topics(conversation))
    read_until(conversation, by_operators=conversation.last_position)
    _advance_operator_position(conversation, operator)
    _mark_notifications_seen(conversation, operator)


@joined_transaction()
def set_visitor_typing(conversation: Conversation, *, is_typing: bool) -> None:
    """Record whether the visitor is typing now, which expires after `presence.TYPING_TTL`."""
    if presence.record_visitor(conversation, is_typing=is_typing):
        publish_on_commit(*_reader_topics(conversation))


def _advance_operator_position(conversation: Conversation, operator: Operator) -> None:
    rows = OperatorReadState.objects.filter(workspace_id=conversation.workspace_id)
    if rows.filter(conversation=conversation, operator=operator, position__gte=conversation.last_position).exists():
        return
    state, _ = rows.select_for_update(no_key=True).get_or_create(
        conversation=conversation, operator=operator, defaults={"workspace_id": conversation.workspace_id}
    )
    if state.position < conversation.unread_position:
        publish_on_commit(OperatorReadState.topic(operator.pk))
    if state.position < conversation.last_position:
        state.position = conversation.last_position
        state.save(update_fields=["position"])


def _mark_notifications_seen(conversation: Conversation, operator: Operator) -> None:
    unseen = Notification.objects.filter(
        workspace_id=conversation.workspace_id, operator=operator, seen_at__isnull=True
    )
    of_conversation = unseen.filter(Q(note__conversation=conversation) | Q(conversation=conversation))
    if of_conversation.exists():
        of_conversation.update(seen_at=timezone.now())
        publish_on_commit(Notification.topic(operator.pk))


@joined_transaction()
def mark_unread(conversation: Conversation, *, operator: Operator) -> None:
    """Make the conversation unread for this operator, from the visitor's newest message (or the last end of a snooze) on.

    It stays unread until the operator opens it again: a client must leave the conversation before it calls this.
    """
    conversation = lock_and_reload(conversation)
    make_unread([conversation], operator)


def make_unread(conversations: list[Conversation], operator: Operator) -> None:
    """Make those of the locked conversations unread that the operator has read, and publish the operator's topic."""
    unread_position = Conversation.objects.filter(pk=OuterRef("conversation_id")).values("unread_position")
    rows = OperatorReadState.objects.filter(workspace_id=operator.workspace_id, operator=operator)
    read = rows.filter(conversation__in=conversations, conversation__unread_position__range=(1, F("position")))
    if read.update(highest_position=Greatest("highest_position", "position"), position=Subquery(unread_position) - 1):
        publish_on_commit(OperatorReadState.topic(operator.pk))


@joined_transaction()
def mark_assignments_seen(operator: Operator, *, until: datetime | None = None) -> None:
    """Mark the operator's assignments as seen.

    until: the creation time of the newest assignment that they saw, in whole milliseconds; None marks all.
    """
    rows = Notification.objects.filter(workspace_id=operator.workspace_id, operator=operator, seen_at__isnull=True)
    if until is not None:
        rows = rows.filter(created_at__lt=until + MILLISECOND)
    rows.filter(conversation__isnull=False).update(seen_at=timezone.now())
    publish_on_commit(Notification.topic(operator.pk))


@joined_transaction()
def read_until(conversation: Conversation, *, by_visitor: int = 0, by_operators: int = 0) -> None:
    """Advance the positions up to which each side has read. A position below the stored one has no effect."""
    rows = ReadState.objects.filter(workspace_id=conversation.workspace_id)
    is_read = Q(by_visitor__gte=by_visitor, by_operators__gte=by_operators)
    if rows.filter(is_read, conversation=conversation).exists():
        return
    state, _ = rows.select_for_update(no_key=True).get_or_create(
        conversation=conversation, defaults={"workspace_id": conversation.workspace_id}
    )
    before = (state.by_visitor, state.by_operators)
    state.by_visitor = max(state.by_visitor, by_visitor)
    state.by_operators = max(state.by_operators, by_operators)
    if before != (state.by_visitor, state.by_operators):
        state.save(update_fields=["by_visitor", "by_operators"])
        publish_on_commit(*_reader_topics(conversation))


def _reader_topics(conversation: Conversation) -> list[str]:
    """Return the topics of the operators who look at the conversation, and of its visitor's thread."""
    thread = Visitor.topic(conversation.workspace_id, conversation.visitor_id)
    return [presence.topic(conversation.workspace_id, conversation.pk), thread]
