"""Who may write."""

from django.db import transaction
from django.utils import timezone

from conversations.actions.rows import locked, tell
from conversations.models import Activity, Conversation, Visitor
from praxtalk.live.topics import changed


@transaction.atomic
def block_visitor(conversation: Conversation, *, is_blocked: bool) -> Visitor:
    """Take no more messages of this conversation's visitor, or take them again. What they wrote stays."""
    visitor = Visitor.objects.select_for_update(no_key=True).get(
        workspace_id=conversation.workspace_id, pk=conversation.visitor_id
    )  # first, as who writes does: the two would wait for each other
    conversation = locked(conversation)
    if (visitor.blocked_at is not None) != is_blocked:
        visitor.blocked_at = timezone.now() if is_blocked else None
        visitor.save(update_fields=["blocked_at"])
        tell(conversation, Activity.Kind.BLOCKED, blocked=is_blocked)
        talks = Conversation.objects.filter(workspace_id=visitor.workspace_id, visitor=visitor)
        changed(*(topic for talk in talks for topic in talk.topics))
    return visitor
