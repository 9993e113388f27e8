"""Live functions for the presence of operators, and for what the visitor has read and is typing."""

from django.utils import timezone

from accounts.operator_tokens import OperatorCaller, operators
from conversations import actions
from conversations.live.arguments import OfConversation, PresenceTouch
from conversations.live.lookups import Arguments, in_scope, operator_named
from conversations.models import Presence, ReadState
from conversations.models.presence import PRESENT_FOR
from conversations.timeline import messages_of
from praxtalk.core.live.functions import ExpiringResult, mutation, query


def _presence_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    return [Presence.topic(caller.workspace_id, arguments["conversationId"].lower())]


@query("presence:list", authenticator=operators, shape=OfConversation, topics=_presence_topics)
def list_presence(caller: OperatorCaller, arguments: Arguments) -> ExpiringResult:
    conversation, now = in_scope(caller, arguments), timezone.now()
    here = Presence.objects.filter(
        workspace_id=caller.workspace_id, conversation_id=conversation.pk, seen_at__gt=now - PRESENT_FOR
    )
    columns = ("operator_id", "operator__name", "seen_at", "typing_until")
    rows = list(here.order_by("operator__name", "operator_id").values_list(*columns))
    ends = [seen + PRESENT_FOR for _, _, seen, _ in rows] + [typing for *_, typing in rows if typing and typing > now]
    shown = [
        {"operatorId": str(operator), "name": name, "typing": bool(typing and typing > now)}
        for operator, name, _, typing in rows
    ]
    return ExpiringResult(shown, until=min(ends, default=None))


@query("presence:visitor", authenticator=operators, shape=OfConversation, topics=_presence_topics)
def look_at_visitor(caller: OperatorCaller, arguments: Arguments) -> ExpiringResult:
    conversation, now = in_scope(caller, arguments), timezone.now()
    reading = ReadState.objects.filter(workspace_id=caller.workspace_id, conversation_id=conversation.pk).first()
    typing_until = reading.visitor_typing_until if reading else None
    types = typing_until is not None and typing_until > now
    read = messages_of(conversation).filter(position__lte=reading.by_visitor if reading else 0).order_by("-position")
    read_id = read.values_list("pk", flat=True).first()
    shown = {"typing": types, "readId": str(read_id) if read_id else None}
    return ExpiringResult(shown, until=typing_until if types else None)


@mutation("presence:touch", authenticator=operators, shape=PresenceTouch)
def touch_presence(caller: OperatorCaller, arguments: Arguments) -> dict[str, bool]:
    operator = operator_named(caller, caller.operator_id)
    actions.touch_presence(in_scope(caller, arguments), operator=operator, is_typing=arguments["typing"])
    return {"ok": True}
