"""Mutations with which operators change conversations and block visitors."""

from typing import Any
from uuid import UUID

from accounts.operator_tokens import OperatorCaller, operators
from conversations import actions
from conversations.live.arguments import (
    AssignArguments,
    BlockVisitorArguments,
    ChangeConversationsArguments,
    ChangeTagsArguments,
    SendTranscriptArguments,
    SetStatusArguments,
)
from conversations.live.lookups import conversation_in_scope, get_operator
from conversations.models import Conversation
from praxtalk.core.db.ids import parse_id
from praxtalk.core.live.functions import Arguments, mutation
from praxtalk.core.live.results import Code, FunctionError

OK = {"ok": True}


@mutation("conversations:setStatus", authenticator=operators, serializer_class=SetStatusArguments)
def set_status(caller: OperatorCaller, arguments: Arguments) -> dict[str, bool]:
    _set_status(conversation_in_scope(caller, arguments), arguments)
    return OK


@mutation("conversations:assign", authenticator=operators, serializer_class=AssignArguments)
def assign(caller: OperatorCaller, arguments: Arguments) -> dict[str, bool]:
    _assign(caller, conversation_in_scope(caller, arguments), arguments["operatorId"])
    return OK


@mutation("conversations:change", authenticator=operators, serializer_class=ChangeConversationsArguments)
def change_conversations(caller: OperatorCaller, arguments: Arguments) -> dict[str, bool]:
    """Change all of the conversations, or none. Lock them in the order of their ids, so that two such calls cannot deadlock."""
    for conversation_id in sorted({each.lower() for each in arguments["conversationIds"]}):
        conversation = conversation_in_scope(caller, {"conversationId": conversation_id})
        if "operatorId" in arguments:
            _assign(caller, conversation, arguments["operatorId"])
        if "status" in arguments:
            _set_status(conversation, arguments)
        if "addTags" in arguments or "removeTags" in arguments:
            _change_tags(conversation, arguments.get("addTags", []), arguments.get("removeTags", []))
    return OK


@mutation("conversations:changeTags", authenticator=operators, serializer_class=ChangeTagsArguments)
def change_tags(caller: OperatorCaller, arguments: Arguments) -> dict[str, bool]:
    _change_tags(conversation_in_scope(caller, arguments), arguments["add"], arguments["remove"])
    return OK


def _change_tags(conversation: Conversation, add: list[str], remove: list[str]) -> None:
    try:
        actions.change_tags(conversation, add=_parse_tag_ids(add), remove=_parse_tag_ids(remove))
    except actions.InvalidTags as error:
        raise FunctionError(Code.NOT_FOUND, f"add: {error}.") from error


def _parse_tag_ids(tag_ids: list[str]) -> list[UUID]:
    ids = [pk for each in tag_ids if (pk := parse_id(each))]
    if len(ids) < len(tag_ids):
        raise FunctionError(Code.NOT_FOUND, "No such tag.")
    return ids


@mutation("conversations:sendTranscript", authenticator=operators, serializer_class=SendTranscriptArguments)
def send_transcript(caller: OperatorCaller, arguments: Arguments) -> dict[str, bool]:
    email = get_operator(caller, caller.operator_id).email if arguments["to"] == "me" else None
    try:
        actions.request_transcript(conversation_in_scope(caller, arguments), email=email)
    except actions.NoEmailAddress as error:
        raise FunctionError(Code.INVALID, f"to: {error}.") from error
    return OK


@mutation("conversations:blockVisitor", authenticator=operators, serializer_class=BlockVisitorArguments)
def block_visitor(caller: OperatorCaller, arguments: Arguments) -> dict[str, bool]:
    actions.block_visitor(conversation_in_scope(caller, arguments), is_blocked=arguments["blocked"])
    return OK


def _set_status(conversation: Conversation, arguments: dict[str, Any]) -> None:
    actions.set_status(conversation, status=arguments["status"], snoozed_until=arguments.get("snoozedUntil", ...))


def _assign(caller: OperatorCaller, conversation: Conversation, operator_id: str | None) -> None:
    operator = get_operator(caller, operator_id) if operator_id else None
    try:
        actions.assign(conversation, operator=operator)
    except actions.CannotAssign as error:
        raise FunctionError(Code.INVALID, f"operatorId: {error}.") from error
