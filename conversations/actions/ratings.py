"""Rate a conversation on behalf of its visitor."""

from django.utils import timezone

from accounts.audit import Actor
from conversations.actions._base import add_activity, lock_and_reload
from conversations.models import Activity, Conversation
from praxtalk.core.db.transactions import joined_transaction
from praxtalk.core.epoch import now_after
from praxtalk.core.live.topics import publish_on_commit

RATABLE_STATUSES = (Conversation.Status.RESOLVED, Conversation.Status.CLOSED)


class NotRatable(ValueError):
    """The conversation cannot be rated, because it is neither resolved nor closed."""


@joined_transaction()
def rate(conversation: Conversation, *, rating: int, comment: str = "") -> Conversation:
    """Store the visitor's rating, from 1 (bad) to 5 (good). It replaces an earlier one. Raises NotRatable."""
    conversation = lock_and_reload(conversation)
    if conversation.status not in RATABLE_STATUSES:
        raise NotRatable("only resolved or closed conversations can be rated")
    if (conversation.rating, conversation.rating_comment) != (rating, comment):
        conversation.rating, conversation.rating_comment, conversation.rated_at = rating, comment, timezone.now()
        conversation.updated_at = now_after(conversation.updated_at)
        conversation.save(update_fields=["rating", "rating_comment", "rated_at", "updated_at"])
        visitor = Actor(conversation.visitor.name)
        add_activity(conversation, Activity.Kind.RATED, actor=visitor, rating=rating, comment=comment)
        publish_on_commit(*conversation.topics)
    return conversation
