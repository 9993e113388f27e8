"""Live functions for visitors: their details, and changing them."""

from typing import Any

from django.core.exceptions import ValidationError

from accounts.operator_tokens import OperatorCaller, operators
from conversations import actions
from conversations.inbox_json import visitor_detail_json
from conversations.live.arguments import ChangeVisitorArguments, VisitorArguments
from conversations.models import Conversation, Visitor
from conversations.serializers import CONVERSATION_COLUMNS, conversation_row_json
from praxtalk.core.epoch import to_milliseconds
from praxtalk.core.live.functions import Arguments, mutation, query
from praxtalk.core.live.results import Code, FunctionError

MAX_CONVERSATIONS = 20


def _visitor_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    return [Visitor.topic(caller.workspace_id, arguments["visitorId"].lower())]


@query("visitors:get", authenticator=operators, serializer_class=VisitorArguments, topics=_visitor_topics)
def get_visitor(caller: OperatorCaller, arguments: Arguments) -> dict[str, Any]:
    """Return the visitor's details, and their newest conversations in scope."""
    visitor = caller.get_in_scope(Visitor.objects.all(), arguments["visitorId"])
    conversations = caller.scope.rows(Conversation.objects.filter(visitor=visitor)).order_by("-last_activity_at", "-id")
    return visitor_detail_json(visitor) | {
        "blocked": visitor.blocked_at is not None,
        "createdAt": to_milliseconds(visitor.created_at),
        "conversations": [
            conversation_row_json(row) for row in conversations.values_list(*CONVERSATION_COLUMNS)[:MAX_CONVERSATIONS]
        ],
    }


@mutation("visitors:update", authenticator=operators, serializer_class=ChangeVisitorArguments)
def update_visitor(caller: OperatorCaller, arguments: Arguments) -> dict[str, bool]:
    """Change the visitor's name, e-mail address or phone number."""
    visitor = caller.get_in_scope(Visitor.objects.all(), arguments.pop("visitorId"))
    try:
        actions.change_visitor(visitor, **arguments)
    except ValidationError as error:
        field, reasons = next(iter(error.message_dict.items()))
        raise FunctionError(Code.INVALID, f"{field}: {reasons[0]}") from error
    except Visitor.DoesNotExist as error:
        raise FunctionError(Code.NOT_FOUND, "No such visitor.") from error
    return {"ok": True}
