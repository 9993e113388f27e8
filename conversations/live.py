"""Live queries about conversations: the same rows, actions and JSON as REST."""

from typing import Any

from django.utils import timezone

from brands.live import brand_in_scope
from brands.models import Operator
from brands.operator_tokens import OperatorCaller, operators
from conversations import actions
from conversations.inbox import counted, listed
from conversations.models import INBOX, Channel, Conversation, Message, Presence, Reading
from conversations.models.presence import PRESENT_FOR
from conversations.serializers import (
    COLUMNS,
    Assignment,
    CountsQuery,
    InboxQuery,
    LiveMessage,
    LiveStatusChange,
    OfConversation,
    PresenceTouch,
    ThreadQuery,
    conversation_row_json,
    message_json,
    thread_json,
)
from conversations.threads import THREAD_LENGTH, messages_before, messages_of, newest_messages, within
from praxtalk.data.ids import parse_id
from praxtalk.live.functions import Fading, mutation, query
from praxtalk.live.outcomes import Code, Refused

Arguments = dict[str, Any]
ME = "me"


def _inbox_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    return caller.scope.topics(INBOX, parse_id(arguments.get("brandId") or ""))


def _thread_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    return [Conversation.topic(caller.workspace_id, arguments["conversationId"].lower())]


def _talk_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    """With the brand: whichever it is of those in scope."""
    return [*_thread_topics(caller, arguments), *caller.scope.topics("brands")]


def _presence_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    return [Presence.topic(caller.workspace_id, arguments["conversationId"].lower())]


def in_scope(caller: OperatorCaller, arguments: Arguments) -> Conversation:
    """The conversation that a call is about. Raises Refused."""
    rows = Conversation.objects.with_people().select_related("brand")
    return caller.get_in_scope(rows, arguments["conversationId"])


@query(
    "conversations:listInbox",
    door=operators,
    shape=InboxQuery,
    topics=_inbox_topics,
    personal=lambda arguments: arguments.get("assignee") == ME,
)
def list_inbox(caller: OperatorCaller, arguments: Arguments) -> list[dict[str, Any]]:
    assignee = arguments.get("assignee")
    rows = listed(
        caller.scope,
        brand=brand_in_scope(caller, arguments.get("brandId")),
        status=arguments.get("status"),
        assignee=str(caller.operator_id) if assignee == ME else assignee,
        text=arguments.get("q"),
    )
    return [conversation_row_json(row) for row in rows.values_list(*COLUMNS)[: arguments["limit"]]]


@query("conversations:get", door=operators, shape=OfConversation, topics=_talk_topics)
def get_conversation(caller: OperatorCaller, arguments: Arguments) -> dict[str, Any]:
    conversation = in_scope(caller, arguments)
    messages, has_more = within(*newest_messages(conversation))
    return thread_json(conversation, messages) | {"hasMore": has_more}


@query("conversations:counts", door=operators, shape=CountsQuery, topics=_inbox_topics, personal=True)
def count_conversations(caller: OperatorCaller, arguments: Arguments) -> dict[str, int]:
    return counted(caller.scope, brand=brand_in_scope(caller, arguments.get("brandId")), operator_id=caller.operator_id)


@query("messages:list", door=operators, shape=ThreadQuery, topics=_thread_topics)
def list_messages(caller: OperatorCaller, arguments: Arguments) -> dict[str, Any]:
    conversation = in_scope(caller, arguments)
    if arguments.get("before"):
        pk = parse_id(arguments["before"])
        before = messages_of(conversation).filter(pk=pk).first() if pk else None
        if before is None:
            raise Refused(Code.NOT_FOUND, "No such message.")
        messages, has_more = within(*messages_before(conversation, before.position, THREAD_LENGTH))
    else:
        messages, has_more = within(*newest_messages(conversation))
    return {"messages": [message_json(message) for message in messages], "hasMore": has_more}


@query("presence:list", door=operators, shape=OfConversation, topics=_presence_topics)
def list_presence(caller: OperatorCaller, arguments: Arguments) -> Fading:
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
    return Fading(shown, until=min(ends, default=None))


@query("presence:visitor", door=operators, shape=OfConversation, topics=_presence_topics)
def look_at_visitor(caller: OperatorCaller, arguments: Arguments) -> Fading:
    conversation, now = in_scope(caller, arguments), timezone.now()
    reading = Reading.objects.filter(workspace_id=caller.workspace_id, conversation_id=conversation.pk).first()
    typing_until = reading.visitor_typing_until if reading else None
    types = typing_until is not None and typing_until > now
    read = messages_of(conversation).filter(position__lte=reading.by_visitor if reading else 0).order_by("-position")
    read_id = read.values_list("pk", flat=True).first()
    shown = {"typing": types, "readId": str(read_id) if read_id else None}
    return Fading(shown, until=typing_until if types else None)


@mutation("messages:send", door=operators, shape=LiveMessage)
def send_message(caller: OperatorCaller, arguments: Arguments) -> dict[str, str]:
    message = actions.send_message(
        in_scope(caller, arguments),
        role=Message.Role.OPERATOR,
        body=arguments["body"],
        channel=Channel(caller.source),
        author=_operator(caller, caller.operator_id),
        client_id=arguments.get("clientMessageId") or None,
    )
    return {"messageId": str(message.pk)}


@mutation("conversations:setStatus", door=operators, shape=LiveStatusChange)
def set_status(caller: OperatorCaller, arguments: Arguments) -> dict[str, bool]:
    conversation = in_scope(caller, arguments)
    actions.set_status(conversation, status=arguments["status"], snoozed_until=arguments.get("snoozedUntil", ...))
    return {"ok": True}


@mutation("conversations:assign", door=operators, shape=Assignment)
def assign(caller: OperatorCaller, arguments: Arguments) -> dict[str, bool]:
    conversation, operator_id = in_scope(caller, arguments), arguments["operatorId"]
    operator = _operator(caller, parse_id(operator_id)) if operator_id else None
    try:
        actions.assign(conversation, operator=operator)
    except actions.CannotAnswer as error:
        raise Refused(Code.INVALID, f"operatorId: {error}.") from error
    return {"ok": True}


@mutation("presence:touch", door=operators, shape=PresenceTouch)
def touch_presence(caller: OperatorCaller, arguments: Arguments) -> dict[str, bool]:
    operator = _operator(caller, caller.operator_id)
    actions.touch_presence(in_scope(caller, arguments), operator=operator, is_typing=arguments["typing"])
    return {"ok": True}


def _operator(caller: OperatorCaller, operator_id: object) -> Operator:
    operator: Operator | None = Operator.objects.filter(workspace_id=caller.workspace_id, pk=operator_id).first()
    if operator is None:
        raise Refused(Code.NOT_FOUND, "No such operator.")
    return operator
