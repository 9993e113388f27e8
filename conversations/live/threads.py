"""Live functions for one conversation: read its entries, send messages and write notes."""

from typing import Any

from accounts.actions.preferences import preferences_of
from accounts.operator_tokens import OperatorCaller, operators
from brands.serializers import brand_json
from conversations import actions
from conversations.inbox_json import conversation_detail_json
from conversations.live.arguments import (
    ConversationArguments,
    EntriesArguments,
    MessagesArguments,
    SendMessageArguments,
    WriteNoteArguments,
)
from conversations.live.lookups import conversation_in_scope, get_operator, thread_topics
from conversations.models import Channel, Conversation, Message, Tag
from conversations.serializers import message_json, thread_json
from conversations.timeline import (
    THREAD_LENGTH,
    entries_before,
    entry_json,
    messages_before,
    messages_of,
    newest_messages,
    trim_to_size,
)
from praxtalk.core.db.ids import parse_id
from praxtalk.core.live.functions import Arguments, mutation, query
from praxtalk.core.live.results import Code, FunctionError


def _conversation_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    """Return the topics of the conversation and of all brands in scope, because its brand is not known before it is read."""
    return [*thread_topics(caller, arguments), *caller.scope.topics("brands")]


@query(
    "conversations:get", authenticator=operators, serializer_class=ConversationArguments, topics=_conversation_topics
)
def get_conversation(caller: OperatorCaller, arguments: Arguments) -> dict[str, Any]:
    conversation = conversation_in_scope(caller, arguments)
    messages, has_more = trim_to_size(*newest_messages(conversation))
    return thread_json(conversation, messages) | {"hasMore": has_more}


@query("messages:list", authenticator=operators, serializer_class=MessagesArguments, topics=thread_topics)
def list_messages(caller: OperatorCaller, arguments: Arguments) -> dict[str, Any]:
    conversation = conversation_in_scope(caller, arguments)
    if arguments.get("before"):
        before = _get_message(conversation, arguments["before"])
        messages, has_more = trim_to_size(*messages_before(conversation, before.position, THREAD_LENGTH))
    else:
        messages, has_more = trim_to_size(*newest_messages(conversation))
    return {"messages": [message_json(message) for message in messages], "hasMore": has_more}


def _entry_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    return [*_conversation_topics(caller, arguments), Tag.topic(caller.workspace_id)]


@query("inbox:thread", authenticator=operators, serializer_class=EntriesArguments, topics=_entry_topics)
def list_entries(caller: OperatorCaller, arguments: Arguments) -> dict[str, Any]:
    conversation = conversation_in_scope(caller, arguments)
    before = arguments.get("before", conversation.last_position + 1)
    entries, has_more = trim_to_size(*entries_before(conversation, before, THREAD_LENGTH))
    return {
        "conversation": conversation_detail_json(conversation) | {"brand": brand_json(conversation.brand)},
        "entries": [entry_json(entry) for entry in entries],
        "hasMore": has_more,
    }


@mutation("messages:send", authenticator=operators, serializer_class=SendMessageArguments)
def send_message(caller: OperatorCaller, arguments: Arguments) -> dict[str, str]:
    conversation = conversation_in_scope(caller, arguments)
    seen = arguments.get("seenMessageId")
    author = get_operator(caller, caller.operator_id)
    if preferences_of(author)["assignOnReply"]:
        actions.assign_if_unassigned(conversation, operator=author)
    try:
        message = actions.send_message(
            conversation,
            role=Message.Role.OPERATOR,
            body=arguments["body"],
            channel=Channel(caller.source),
            author=author,
            client_id=arguments.get("clientMessageId") or None,
            seen=_get_message(conversation, seen) if seen else None,
        )
    except actions.ConcurrentReply as error:
        raise FunctionError(Code.CONFLICT, f"{error}.") from error
    return {"messageId": str(message.pk)}


@mutation("notes:write", authenticator=operators, serializer_class=WriteNoteArguments)
def write_note(caller: OperatorCaller, arguments: Arguments) -> dict[str, str]:
    note = actions.write_note(
        conversation_in_scope(caller, arguments),
        author=get_operator(caller, caller.operator_id),
        body=arguments["body"],
        client_id=arguments.get("clientMessageId") or None,
        mentioned=[get_operator(caller, each) for each in arguments.get("mentions", [])],
    )
    return {"noteId": str(note.pk)}


def _get_message(conversation: Conversation, message_id: str) -> Message:
    pk = parse_id(message_id)
    message = messages_of(conversation).filter(pk=pk).first() if pk else None
    if message is None:
        raise FunctionError(Code.NOT_FOUND, "No such message.")
    return message
