"""Change operators of the team, and reassign their conversations."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError

from accounts.actions import team
from accounts.audit import Action, record
from accounts.models import Operator
from conversations.actions.assignment import reassign_conversations
from praxtalk.core.db.transactions import joined_transaction


@joined_transaction()
def change_operator(
    operator: Operator, *, by: Operator, successor: Operator | None = None, **values: Any
) -> tuple[Operator, int]:
    """Change the operator as `accounts.actions.team.change_operator` does, and reassign their conversations if necessary.

    The conversations that the operator can no longer access are assigned to the successor. Return the operator and the number of
    these conversations. Raises ValidationError.
    """
    operator = team.change_operator(operator, by=by, **values)
    count = reassign_conversations(operator, to=successor)
    if count:
        record(
            Action.CONVERSATIONS_REASSIGNED,
            workspace_id=operator.workspace_id,
            subject=operator,
            conversations=count,
            to=str(successor) if successor else None,
        )
    return operator, count


@joined_transaction()
def deactivate_operators(
    operators: Iterable[Operator], *, by: Operator, successor: Operator | None = None
) -> tuple[int, int]:
    """Deactivate all of the operators, or none, and assign their conversations to the successor, or to nobody.

    Return the number of operators that were deactivated, and the number of their conversations. Raises ValidationError.

    All operators are locked before the first conversation, in the same order as in `assign`.
    """
    by, chosen = team.lock_team(by), {operator.pk for operator in operators}
    involved = Operator.objects.filter(
        workspace_id=by.workspace_id, pk__in=chosen | ({successor.pk} if successor else set())
    )
    locked = list(involved.select_for_update(no_key=True).order_by("pk"))
    active = [operator for operator in locked if operator.pk in chosen and operator.is_active]
    if successor in active:
        raise ValidationError("Choose somebody who stays active.")
    counts = [change_operator(each, by=by, successor=successor, is_active=False)[1] for each in active]
    return len(active), sum(counts)
