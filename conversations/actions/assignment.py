"""Assign conversations to operators."""

from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Greatest
from django.utils import timezone

from accounts.audit import Actor, current_actor
from accounts.models import Operator
from accounts.scope import scope_of
from brands.models import OperatorBrand
from conversations.actions._base import add_activity, can_access, lock_and_reload
from conversations.actions.read_receipts import make_unread
from conversations.models import Activity, Conversation, Notification
from conversations.serializers import person_json
from praxtalk.core.db.transactions import joined_transaction
from praxtalk.core.epoch import now_after
from praxtalk.core.live.topics import publish_on_commit

BATCH_SIZE = 1000
REASSIGNED_STATUSES = (Conversation.Status.OPEN, Conversation.Status.SNOOZED)


class CannotAssign(ValueError):
    """The conversation cannot be assigned to this operator, who is inactive or does not see its brand."""


@joined_transaction()
def assign(conversation: Conversation, *, operator: Operator | None) -> Conversation:
    """Assign the conversation to an operator, or to nobody. Raises CannotAssign.

    The new assignee is notified, and the conversation becomes unread for them, unless they assigned it themselves. An earlier
    assignee who loses the conversation to somebody else is notified too.

    The operator's row is locked before the conversation's, in the same order as when an operator is changed. No conversation can
    therefore be assigned to an operator while they are being deactivated.
    """
    operator = operator and _lock_operator(operator)
    conversation = lock_and_reload(conversation)
    if operator is not None and not can_access(operator, conversation):
        raise CannotAssign("this operator is inactive or cannot access the conversation's brand")
    if conversation.assignee_id != (operator.pk if operator else None):
        previous = conversation.assignee_id
        _set_assignee(conversation, operator)
        if previous is not None and previous != current_actor().operator_id:
            _notify_of_loss(conversation, previous)
        publish_on_commit(*conversation.topics)
    return conversation


@joined_transaction()
def assign_if_unassigned(conversation: Conversation, *, operator: Operator) -> None:
    """Assign an unassigned conversation to an operator who replies in it. A conversation of a colleague stays theirs."""
    operator = _lock_operator(operator)
    conversation = lock_and_reload(conversation)
    if conversation.assignee_id is None and can_access(operator, conversation):
        _set_assignee(conversation, operator)
        publish_on_commit(*conversation.topics)


def unassign_if_unavailable(conversation: Conversation) -> None:
    """Unassign the conversation if its assignee is inactive or no longer sees the brand.

    The row must be locked. The caller publishes the topics.
    """
    if conversation.assignee_id is None:
        return
    rows = Operator.objects.filter(workspace_id=conversation.workspace_id, pk=conversation.assignee_id, is_active=True)
    if not rows.filter(Q(sees_all_brands=True) | Q(brands=conversation.brand_id)).exists():
        name = conversation.assignee.name if conversation.assignee else ""
        _set_assignee(conversation, None, actor=Actor(), absent=name)


def assigned_to(operator: Operator) -> QuerySet[Conversation, Conversation]:
    """Return the open and snoozed conversations that are assigned to the operator."""
    rows = Conversation.objects.filter(workspace_id=operator.workspace_id, assignee_id=operator.pk)
    return rows.filter(status__in=REASSIGNED_STATUSES)


def operators_without_access() -> QuerySet[Operator, Operator]:
    """Return the operators of all workspaces to whom open or snoozed conversations are assigned that they cannot access.

    `change_operator` leaves none: they come from older versions, or from changes in the database itself.
    """
    assigned = Conversation.objects.filter(
        workspace_id=OuterRef("workspace_id"), assignee_id=OuterRef("pk"), status__in=REASSIGNED_STATUSES
    )
    own_brands = OperatorBrand.objects.filter(operator_id=OuterRef("assignee_id"), brand_id=OuterRef("brand_id"))
    hidden = assigned.exclude(Exists(own_brands))
    return Operator.objects.filter(
        Q(Exists(assigned), is_active=False) | Q(Exists(hidden), is_active=True, sees_all_brands=False)
    )


@joined_transaction()
def reassign_conversations(operator: Operator, *, to: Operator | None) -> int:
    """Reassign the open and snoozed conversations that the operator can no longer access. Return how many.

    An inactive operator loses all of them; an active one loses those of brands that they do not see.
    to: the new assignee, for the brands that they see. The other conversations become unassigned, as do all if `to` is None.
    """
    conversations = assigned_to(operator)
    if operator.is_active:
        brand_ids = scope_of(operator).brand_ids
        conversations = conversations.none() if brand_ids is None else conversations.exclude(brand_id__in=brand_ids)
    to = to and _lock_operator(to)
    scope = scope_of(to) if to and to.is_active and to.workspace_id == operator.workspace_id else None
    count = 0
    while rows := list(conversations.select_for_update(no_key=True).order_by("pk")[:BATCH_SIZE]):
        visible = [row for row in rows if scope and scope.sees_brand(row.brand_id)]
        hidden = [row for row in rows if not (scope and scope.sees_brand(row.brand_id))]
        _set_assignee_of_many(visible, to)
        _set_assignee_of_many(hidden, None)
        count += len(rows)
    return count


def _lock_operator(operator: Operator) -> Operator:
    rows = Operator.objects.filter(workspace_id=operator.workspace_id).select_for_update(no_key=True)
    row: Operator = rows.get(pk=operator.pk)
    return row


def _set_assignee(
    conversation: Conversation, operator: Operator | None, *, actor: Actor | None = None, **details: str
) -> None:
    """Set the assignee of a locked row. actor: who did it, if not the current actor. details: added to the activity."""
    conversation.assignee = operator
    conversation.updated_at = now_after(conversation.updated_at)
    conversation.save(update_fields=["assignee", "updated_at"])
    add_activity(conversation, Activity.Kind.ASSIGNED, actor=actor, to=person_json(operator), **details)
    _notify_assignee([conversation], operator)


def _set_assignee_of_many(conversations: list[Conversation], operator: Operator | None) -> None:
    """Set the assignee of many locked rows of one workspace in a few statements, and publish their topics."""
    if not conversations:
        return
    now, actor = now_after(max(each.updated_at for each in conversations)), current_actor()
    ids = [each.pk for each in conversations]
    Conversation.objects.filter(pk__in=ids).update(
        assignee=operator, updated_at=Greatest(F("updated_at"), now), last_position=F("last_position") + 1
    )
    Activity.objects.bulk_create(
        Activity(
            workspace_id=each.workspace_id,
            conversation=each,
            position=each.last_position + 1,
            kind=Activity.Kind.ASSIGNED,
            operator_id=actor.operator_id,
            actor=(actor.short_name or actor.name)[:200],
            details={"to": person_json(operator)},
        )
        for each in conversations
    )
    _notify_assignee(conversations, operator)
    publish_on_commit(*{topic for each in conversations for topic in each.topics})


def _notify_of_loss(conversation: Conversation, operator_id: UUID) -> None:
    """Notify an earlier assignee that somebody else took the conversation from them. No e-mail is sent."""
    actor = current_actor()
    Notification.objects.create(
        workspace_id=conversation.workspace_id,
        conversation=conversation,
        operator_id=operator_id,
        assigned_by=(actor.short_name or actor.name)[:200],
        is_loss=True,
        assigned_to=conversation.assignee.name if conversation.assignee else "",
        mailed_at=timezone.now(),
    )
    publish_on_commit(Notification.topic(operator_id))


def _notify_assignee(conversations: list[Conversation], operator: Operator | None) -> None:
    """Notify the new assignee, and make the conversations unread for them, unless they are the current actor.

    Delete unseen notifications of earlier assignees, and that the new one had lost the conversation.
    """
    workspace_id, actor = conversations[0].workspace_id, current_actor()
    if operator is not None and operator.pk != actor.operator_id:
        make_unread(
            conversations, operator
        )  # before the notifications, as in `touch_presence`: otherwise, they could deadlock
    unseen = Notification.objects.filter(
        workspace_id=workspace_id, conversation__in=conversations, seen_at__isnull=True
    )
    stale = unseen.filter(Q(is_loss=False) | Q(operator=operator))
    notified = set(stale.order_by().values_list("operator_id", flat=True).distinct())
    stale.delete()
    if operator is not None and operator.pk != actor.operator_id:
        Notification.objects.bulk_create(
            Notification(
                workspace_id=workspace_id,
                conversation=each,
                operator=operator,
                assigned_by=(actor.short_name or actor.name)[:200],
            )
            for each in conversations
        )
        notified.add(operator.pk)
    publish_on_commit(*(Notification.topic(pk) for pk in notified))
