"""Change operators of the team, and reassign their conversations."""

from typing import Any

from accounts.actions import team
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
    return operator, reassign_conversations(operator, to=successor)
