"""Live functions for the presence and the read positions of operators, and for what the visitor has read and is typing."""

from accounts.models import Operator
from accounts.operator_tokens import OperatorCaller, operators
from conversations import actions, presence
from conversations.live.arguments import ConversationArguments, TouchPresenceArguments
from conversations.live.lookups import conversation_in_scope, get_operator
from conversations.models import ReadState
from conversations.timeline import messages_of
from praxtalk.core.live.functions import Arguments, ExpiringResult, mutation, query


def _presence_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    return [presence.topic(caller.workspace_id, arguments["conversationId"].lower())]


@query("presence:list", authenticator=operators, serializer_class=ConversationArguments, topics=_presence_topics)
def list_presence(caller: OperatorCaller, arguments: Arguments) -> ExpiringResult:
    conversation = conversation_in_scope(caller, arguments)
    present = presence.present_operators(caller.workspace_id, conversation.pk)
    names = Operator.objects.filter(workspace_id=caller.workspace_id, pk__in=present).order_by("name", "pk")
    value, expiries = [], []
    for pk, name in names.values_list("pk", "name") if present else ():
        value.append({"operatorId": str(pk), "name": name, "typing": present[pk].typing_until is not None})
        expiries += [expiry for expiry in (present[pk].until, present[pk].typing_until) if expiry]
    return ExpiringResult(value, expires_at=min(expiries, default=None))


@query("presence:visitor", authenticator=operators, serializer_class=ConversationArguments, topics=_presence_topics)
def get_visitor_state(caller: OperatorCaller, arguments: Arguments) -> ExpiringResult:
    conversation = conversation_in_scope(caller, arguments)
    state = ReadState.objects.filter(workspace_id=caller.workspace_id, conversation_id=conversation.pk).first()
    read = messages_of(conversation).filter(position__lte=state.by_visitor if state else 0).order_by("-position")
    read_id = read.values_list("pk", flat=True).first()
    typing_until = presence.visitor_typing_until(caller.workspace_id, conversation.pk)
    value = {"typing": typing_until is not None, "readId": str(read_id) if read_id else None}
    return ExpiringResult(value, expires_at=typing_until)


@mutation("presence:touch", is_ephemeral=True, authenticator=operators, serializer_class=TouchPresenceArguments)
def touch_presence(caller: OperatorCaller, arguments: Arguments) -> dict[str, bool]:
    operator = get_operator(caller, caller.operator_id)
    actions.touch_presence(conversation_in_scope(caller, arguments), operator=operator, is_typing=arguments["typing"])
    return {"ok": True}


@mutation("inbox:markUnread", authenticator=operators, serializer_class=ConversationArguments)
def mark_unread(caller: OperatorCaller, arguments: Arguments) -> dict[str, bool]:
    operator = get_operator(caller, caller.operator_id)
    actions.mark_unread(conversation_in_scope(caller, arguments), operator=operator)
    return {"ok": True}
