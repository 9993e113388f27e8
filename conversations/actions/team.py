"""Change operators of the team, and hand over their conversations."""

from typing import Any

from brands import team
from brands.models import Operator
from conversations.actions.assignment import hand_over
from praxtalk.core.db.transactions import one_transaction


@one_transaction()
def change_operator(
    operator: Operator, *, by: Operator, successor: Operator | None = None, **values: Any
) -> tuple[Operator, int]:
    """Change the operator (see `brands.team.change_operator`), and reassign the conversations that they can no longer answer to
    the successor. Return the operator and the number of conversations. Raises ValidationError."""
    operator = team.change_operator(operator, by=by, **values)
    return operator, hand_over(operator, to=successor)
