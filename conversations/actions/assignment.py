"""Who answers."""

from django.db import transaction

from brands.models import Operator
from brands.scope import scope_of
from conversations.actions.rows import locked, tell
from conversations.models import Activity, Conversation
from conversations.serializers import person_json
from praxtalk.data.clock import now_after
from praxtalk.live.topics import changed


class CannotAnswer(ValueError):
    """The operator may not be given the conversation."""


@transaction.atomic
def assign(conversation: Conversation, *, operator: Operator | None) -> Conversation:
    """Give the conversation to an operator, or to nobody. Raises CannotAnswer."""
    conversation = locked(conversation)
    if operator is not None:
        is_here = operator.is_active and operator.workspace_id == conversation.workspace_id
        if not is_here or not scope_of(operator).sees_brand(conversation.brand_id):
            raise CannotAnswer("this operator does not see the conversation's brand")
    if conversation.assignee_id != (operator.pk if operator else None):
        conversation.assignee = operator
        conversation.updated_at = now_after(conversation.updated_at)
        conversation.save(update_fields=["assignee", "updated_at"])
        tell(conversation, Activity.Kind.ASSIGNED, to=person_json(operator))
        changed(*conversation.topics)
    return conversation
