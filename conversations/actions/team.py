"""Changing the team, with the conversations of who is changed."""

from typing import Any

from django.db import transaction

from brands import team
from brands.models import Operator
from conversations.actions.assignment import hand_over


@transaction.atomic
def change_operator(
    operator: Operator, *, by: Operator, successor: Operator | None = None, **values: Any
) -> tuple[Operator, int]:
    """`brands.team.change_operator`; the open and snoozed conversations that the operator cannot answer any more go to the
    successor, as far as they see the brands, or become unassigned. The operator, and how many. Raises ValidationError."""
    operator = team.change_operator(operator, by=by, **values)
    return operator, hand_over(operator, to=successor)
