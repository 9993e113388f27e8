"""The live query for the details of a visitor."""

from typing import Any

from accounts.operator_tokens import OperatorCaller, operators
from conversations.inbox_json import visitor_detail_json
from conversations.live.arguments import VisitorArguments
from conversations.models import Conversation, Visitor
from conversations.serializers import CONVERSATION_COLUMNS, conversation_row_json
from praxtalk.core.epoch import to_milliseconds
from praxtalk.core.live.functions import Arguments, query

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
