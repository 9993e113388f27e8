"""Record presence in a conversation, read positions, and which mentions and assignments an operator has seen."""

from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from accounts.models import Operator
from conversations.models import Conversation, Mention, OperatorReadState, Presence, ReadState, Visitor
from conversations.models.presence import PRESENT_FOR, TYPING_FOR
from praxtalk.core.db.transactions import joined_transaction
from praxtalk.core.epoch import MILLISECOND
from praxtalk.core.live.topics import publish_on_commit


@joined_transaction()
def touch_presence(conversation: Conversation, *, operator: Operator, is_typing: bool) -> Presence:
    """Record that the operator is looking at the conversation now, and has read all of it.

    Publishes presence only on visible changes: live queries re-run by themselves when presence or typing expires.
    """
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
        publish_on_commit(*_topics_of_looking(conversation))
    read_until(conversation, by_operators=conversation.last_position)
    _note_what_was_seen(conversation, operator)
    return presence


def _note_what_was_seen(conversation: Conversation, operator: Operator) -> None:
    """Advance this operator's own read position, and mark their mentions and assignments here as seen."""
    rows = OperatorReadState.objects.filter(workspace_id=conversation.workspace_id).select_for_update(no_key=True)
    reading, _ = rows.get_or_create(
        conversation=conversation, operator=operator, defaults={"workspace_id": conversation.workspace_id}
    )
    if reading.position < conversation.unread_position:
        publish_on_commit(OperatorReadState.topic(operator.pk))
    if reading.position < conversation.last_position:
        reading.position = conversation.last_position
        reading.save(update_fields=["position"])
    unseen = Mention.objects.filter(workspace_id=conversation.workspace_id, operator=operator, seen_at__isnull=True)
    is_here = Q(note__conversation=conversation) | Q(conversation=conversation)
    if unseen.filter(is_here).update(seen_at=timezone.now()):
        publish_on_commit(Mention.topic(operator.pk))


@joined_transaction()
def see_assignments(operator: Operator, *, until: datetime | None = None) -> None:
    """Mark the operator's assignments as seen.

    until: the creation time of the newest assignment that they saw, in whole milliseconds; None marks all.
    """
    rows = Mention.objects.filter(workspace_id=operator.workspace_id, operator=operator, seen_at__isnull=True)
    if until is not None:
        rows = rows.filter(created_at__lt=until + MILLISECOND)
    rows.filter(conversation__isnull=False).update(seen_at=timezone.now())
    publish_on_commit(Mention.topic(operator.pk))


@joined_transaction()
def read_until(
    conversation: Conversation, *, by_visitor: int = 0, by_operators: int = 0, visitor_types: bool | None = None
) -> ReadState:
    """Advance the positions up to which each side has read, and return them. A position below the stored one has no effect.

    visitor_types: whether the visitor is typing now, which expires after TYPING_FOR; None leaves it unchanged.
    """
    rows = ReadState.objects.filter(workspace_id=conversation.workspace_id).select_for_update(no_key=True)
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
        publish_on_commit(*_topics_of_looking(conversation))
    return reading


def _topics_of_looking(conversation: Conversation) -> list[str]:
    """Return the topics of the operators who look at the conversation, and of its visitor's thread."""
    thread = Visitor.topic(conversation.workspace_id, conversation.visitor_id)
    return [Presence.topic(conversation.workspace_id, conversation.pk), thread]
