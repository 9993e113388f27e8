"""Lookups that the live functions share: a conversation or an operator in scope, and the topics of a conversation."""

from accounts.models import Operator
from accounts.operator_tokens import OperatorCaller
from conversations.models import Conversation
from praxtalk.core.live.functions import Arguments


def conversation_in_scope(caller: OperatorCaller, arguments: Arguments) -> Conversation:
    """Return the conversation that the arguments name. Raises FunctionError if it is not in the caller's scope."""
    rows = Conversation.objects.with_people().select_related("brand")
    return caller.get_in_scope(rows, arguments["conversationId"])


def thread_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    """Return the topics of the conversation that a query reads."""
    return [Conversation.topic(caller.workspace_id, arguments["conversationId"].lower())]


def get_operator(caller: OperatorCaller, operator_id: object) -> Operator:
    """Return an operator of the caller's workspace. Raises FunctionError if there is none with this id."""
    operator: Operator = caller.get_in_scope(Operator.objects.all(), str(operator_id), brand_field=None)
    return operator
