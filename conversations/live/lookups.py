"""Helpers that the live functions share: find a conversation in scope or an operator, and name topics."""

from typing import Any

from accounts.models import Operator
from accounts.operator_tokens import OperatorCaller
from conversations.models import Conversation
from praxtalk.core.db.ids import parse_id
from praxtalk.core.live.results import Code, FunctionError

Arguments = dict[str, Any]


def in_scope(caller: OperatorCaller, arguments: Arguments) -> Conversation:
    """Return the conversation that the arguments name. Raises FunctionError if it is not in the caller's scope."""
    rows = Conversation.objects.with_people().select_related("brand")
    return caller.get_in_scope(rows, arguments["conversationId"])


def thread_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    """Return the topics of the conversation that a query reads."""
    return [Conversation.topic(caller.workspace_id, arguments["conversationId"].lower())]


def operator_named(caller: OperatorCaller, operator_id: object) -> Operator:
    """Return an operator of the caller's workspace. Raises FunctionError if there is none with this id."""
    pk = parse_id(str(operator_id))
    rows = Operator.objects.filter(workspace_id=caller.workspace_id)
    operator: Operator | None = rows.filter(pk=pk).first() if pk else None
    if operator is None:
        raise FunctionError(Code.NOT_FOUND, "No such operator.")
    return operator
