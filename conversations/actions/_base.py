"""Helpers of the actions: lock a conversation, check access, number entries of the thread, add activities, record events."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from accounts.audit import Actor, current_actor
from accounts.models import Operator
from accounts.scope import scope_of
from conversations.models import Activity, Conversation
from conversations.serializers import conversation_json
from integrations.models import EventName
from integrations.webhooks.outbox import record_event
from praxtalk.core.db.compiled_queries import compiled
from praxtalk.core.db.transactions import is_locked, mark_locked


def lock_conversation(workspace_id: UUID, conversation_id: UUID) -> Conversation | None:
    """Return the conversation with its visitor and assignee, or None if there is none. Lock it until the transaction ends.

    A caller that passes the result to an action saves a query: the action does not read the row again.
    """
    found = _locked(workspace_id=workspace_id, conversation_id=conversation_id)
    return mark_locked(found[0]) if found else None


@compiled()
def _locked(workspace_id: Any, conversation_id: Any) -> QuerySet[Conversation, Conversation]:
    rows = Conversation.objects.filter(workspace_id=workspace_id, pk=conversation_id).with_people()
    return rows.select_for_update(of=("self",), no_key=True)


def lock_and_reload(conversation: Conversation) -> Conversation:
    """Return the current row with its visitor and assignee, locked until the transaction ends.

    An instance that was locked in this transaction already (see `is_locked`) is returned without a query. Raises
    Conversation.DoesNotExist.
    """
    if is_locked(conversation):
        return conversation
    row = lock_conversation(conversation.workspace_id, conversation.pk)
    if row is None:
        raise Conversation.DoesNotExist
    return row


def can_access(operator: Operator, conversation: Conversation) -> bool:
    """Return whether the operator is an active colleague who sees the conversation's brand."""
    is_colleague = operator.is_active and operator.workspace_id == conversation.workspace_id
    return is_colleague and scope_of(operator).sees_brand(conversation.brand_id)


def next_position(conversation: Conversation) -> int:
    """Reserve the next position in the thread and return it. The row must be locked."""
    conversation.last_position += 1
    conversation.save(update_fields=["last_position"])
    return conversation.last_position


def add_activity(
    conversation: Conversation, kind: Activity.Kind, *, actor: Actor | None = None, **details: Any
) -> Activity:
    """Add an activity to the thread. actor: who did it, if not the current actor."""
    actor = actor or current_actor()
    return Activity.objects.create(
        workspace_id=conversation.workspace_id,
        conversation=conversation,
        position=next_position(conversation),
        kind=kind,
        operator_id=actor.operator_id,
        actor=(actor.short_name or actor.name)[:200],
        details=details,
    )


def record_conversation_event(name: EventName, conversation: Conversation, **more: object) -> None:
    """Record an event of this conversation. more: further keys of the event's data."""
    record_event(
        name,
        workspace_id=conversation.workspace_id,
        brand_id=conversation.brand_id,
        data={"conversation": conversation_json(conversation), **more},
    )
