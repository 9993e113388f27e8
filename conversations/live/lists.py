"""Live queries for lists of conversations and their counts."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from accounts.operator_tokens import OperatorCaller, operators
from brands.live import brand_in_scope
from conversations.inbox import (
    INBOX_KEYSET,
    count_views,
    filter_conversations,
    inbox_rows,
    newest_rows,
    tags_by_conversation,
    unread_summary,
)
from conversations.inbox_json import inbox_row_json, match_json
from conversations.inbox_search import newest_matching_messages, search
from conversations.live.arguments import LONGEST_WAITING, CountsArguments, InboxPageArguments, ListInboxArguments
from conversations.models import INBOX, Notification, OperatorReadState, Tag
from conversations.search_query import TextQuery, parse_query
from conversations.serializers import CONVERSATION_COLUMNS, conversation_row_json
from conversations.waiting import longest_waiting_page
from conversations.words import words_of
from praxtalk.core.api.errors import UnprocessableEntity
from praxtalk.core.db.ids import parse_id
from praxtalk.core.live.functions import Arguments, query
from praxtalk.core.live.results import Code, FunctionError

ME = "me"


def _inbox_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    return caller.scope.topics(INBOX, parse_id(arguments.get("brandId") or ""))


def _list_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    """A search also finds the names of tags."""
    return [*_inbox_topics(caller, arguments), *([Tag.topic(caller.workspace_id)] if arguments.get("q") else [])]


def _page_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    own = OperatorReadState.topic(caller.operator_id)
    return [*_inbox_topics(caller, arguments), own, Tag.topic(caller.workspace_id)]


def _count_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    own = OperatorReadState.topic(caller.operator_id), Notification.topic(caller.operator_id)
    return [*_inbox_topics(caller, arguments), *own]


def _filtered_conversations(caller: OperatorCaller, arguments: Arguments) -> QuerySet[Any, Any]:
    """Return the conversations that match all filters of the arguments except `q`."""
    assignee = arguments.get("assignee")
    return filter_conversations(
        caller.scope,
        brand=brand_in_scope(caller, arguments.get("brandId")),
        status=arguments.get("status"),
        assignee=str(caller.operator_id) if assignee == ME else assignee,
        tag=arguments.get("tagId"),
        waiting=arguments.get("waiting"),
    )


def _row_fetcher(caller: OperatorCaller, arguments: Arguments) -> Callable[[QuerySet[Any, Any], int], list[Any]]:
    """Return a function (rows, limit) that returns the first rows, or the first that match `q` if it is given."""
    text = arguments.get("q")
    return lambda rows, limit: search(rows, caller.scope, text, limit) if text else list(rows[:limit])


@query(
    "conversations:listInbox",
    authenticator=operators,
    serializer_class=ListInboxArguments,
    topics=_list_topics,
    personal=lambda arguments: arguments.get("assignee") == ME,
)
def list_inbox(caller: OperatorCaller, arguments: Arguments) -> list[dict[str, Any]]:
    if "assignee" in arguments or "q" in arguments:
        rows = _row_fetcher(caller, arguments)(
            _filtered_conversations(caller, arguments).values_list(*CONVERSATION_COLUMNS), arguments["limit"]
        )
    else:
        rows = _newest_rows(caller, arguments)
    return [conversation_row_json(row) for row in rows]


def _newest_rows(caller: OperatorCaller, arguments: Arguments) -> list[tuple[Any, ...]]:
    brand = brand_in_scope(caller, arguments.get("brandId"))
    return newest_rows(
        workspace_id=caller.workspace_id,
        brand_ids=caller.scope.brand_ids,
        brand_id=brand.pk if brand else None,
        status=arguments.get("status"),
        limit=arguments["limit"],
    )


@query("inbox:list", authenticator=operators, serializer_class=InboxPageArguments, topics=_page_topics, personal=True)
def list_inbox_page(caller: OperatorCaller, arguments: Arguments) -> dict[str, Any]:
    rows = inbox_rows(_filtered_conversations(caller, arguments), caller.operator_id)
    owner, after, limit = str(caller.workspace_id), arguments.get("after"), arguments["limit"]
    try:
        if arguments["order"] == LONGEST_WAITING and not arguments.get("q"):
            page, after = longest_waiting_page(rows, owner=owner, cursor=after, limit=limit)
        else:
            page, after, _ = INBOX_KEYSET.page(
                rows, owner=owner, cursor=after, limit=limit, first=_row_fetcher(caller, arguments)
            )
    except UnprocessableEntity as error:
        raise FunctionError(Code.INVALID, str(error.detail)) from error
    tags = tags_by_conversation(caller.workspace_id, [row[0] for row in page])
    page_json = [inbox_row_json(row, tags) for row in page]
    if query := parse_query(arguments.get("q", "")):
        _add_matches(caller.workspace_id, page_json, query)
    return {"rows": page_json, "next": after}


def _add_matches(workspace_id: UUID, rows: list[dict[str, Any]], query: TextQuery) -> None:
    """Add `match` to the rows of a search: the newest message that matches, or null if the visitor's details match."""
    by_message = [UUID(row["_id"]) for row in rows if not query.matches(_visitor_words(row["visitor"]))]
    messages = newest_matching_messages(workspace_id, by_message, query)
    for row in rows:
        message = messages.get(UUID(row["_id"]))
        row["match"] = match_json(message, query) if message else None


def _visitor_words(visitor: dict[str, Any]) -> set[str]:
    return words_of("\n".join(visitor[name] or "" for name in ("name", "email", "phone")))


@query(
    "conversations:counts",
    authenticator=operators,
    serializer_class=CountsArguments,
    topics=_inbox_topics,
    personal=True,
)
def count_conversations(caller: OperatorCaller, arguments: Arguments) -> dict[str, int]:
    return count_views(
        caller.scope, brand=brand_in_scope(caller, arguments.get("brandId")), operator_id=caller.operator_id
    )


@query("inbox:counts", authenticator=operators, serializer_class=CountsArguments, topics=_count_topics, personal=True)
def count_inbox(caller: OperatorCaller, arguments: Arguments) -> dict[str, Any]:
    brand, operator_id = brand_in_scope(caller, arguments.get("brandId")), caller.operator_id
    unread = unread_summary(caller.scope, brand=brand, operator_id=operator_id)
    newest = unread.newest
    unseen = Notification.objects.filter(operator_id=caller.operator_id, seen_at__isnull=True, note__isnull=False)
    mentions = caller.scope.rows(unseen, brand_field="note__conversation__brand_id")
    return {
        **count_views(caller.scope, brand=brand, operator_id=operator_id),
        "unread": unread.count,
        "mentions": mentions[:100].count(),
        "newest": {
            "conversationId": str(newest.pk),
            "visitor": newest.visitor.name,
            "preview": newest.preview,
            "position": newest.unread_position,
            "seen": unread.is_seen,
            "snoozeEnded": newest.last_activity_at > newest.last_message_at,
        }
        if newest
        else None,
    }
