"""The search of the inbox: which conversations match a text, and which message of each."""

from collections.abc import Collection
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from accounts.scope import Scope
from conversations.models import Conversation, ConversationTag, Message, Tag, Visitor
from conversations.search_query import TextQuery, parse_query
from conversations.words import words_of

RECENT_ROWS, SCAN_LIMIT = 1000, 20_000  # rows that a search scans one by one; each takes a few microseconds
INDEX_LIMIT = 3000  # matches that the index finds in negligible time


class _Matches(NamedTuple):
    """The rows of each searched table that match, in all workspaces. Filter them by workspace."""

    messages: QuerySet[Message]
    visitors: QuerySet[Visitor]
    tagged: QuerySet[ConversationTag]

    def within(self, workspace_id: UUID) -> "_Matches":
        messages, visitors, tagged = self
        own = {"workspace_id": workspace_id}
        return _Matches(messages.filter(**own), visitors.filter(**own), tagged.filter(**own))


def search(rows: QuerySet[Any, Any], scope: Scope, text: str, limit: int) -> list[Any]:
    """Return the first `limit` of `rows` that match the text. `rows` are ordered by newest activity.

    A conversation matches if all words of the text are the beginnings of words in the visitor's name, e-mail address and phone
    number, in the name of one of its tags, or in one message. A text without words has no matches.

    1. Scan the RECENT_ROWS newest rows. Common words fill the page here.
    2. Otherwise ask the index. If fewer than INDEX_LIMIT rows of each searched table match, use all of them.
    3. Otherwise scan the SCAN_LIMIT newest rows, if the share of matches in step 1 suggests that they fill the page.
    4. Otherwise let the index find every match: the words were common once, but are rare in recent conversations.
    """
    query = parse_query(text)
    if query is None:
        return []
    matches = _matches(query, scope.workspace_id)
    found, is_complete = _scan_recent(rows, matches, RECENT_ROWS, limit)
    if is_complete:
        return found
    ids = _matching_ids_if_few(matches, scope.workspace_id)
    if ids is not None:
        return list(rows.filter(pk__in=ids)[:limit])
    if len(found) * SCAN_LIMIT >= limit * RECENT_ROWS:  # at this rate, SCAN_LIMIT rows fill the page
        found, is_complete = _scan_recent(rows, matches, SCAN_LIMIT, limit)
    return found if is_complete else list(rows.filter(pk__in=_matching_ids(matches, scope.workspace_id))[:limit])


def newest_matching_messages(
    workspace_id: UUID, conversation_ids: Collection[UUID], query: TextQuery
) -> dict[UUID, Message]:
    """Return the newest message of each conversation that matches, by the conversation's id."""
    if not conversation_ids:
        return {}
    matching = Message.objects.filter(
        workspace_id=OuterRef("workspace_id"), conversation_id=OuterRef("pk"), words__match=query
    )
    # One lookup for each conversation. With a join, PostgreSQL might read all messages of the workspace that match.
    newest = Subquery(matching.order_by("-position").values("pk")[:1])
    conversations = Conversation.objects.filter(workspace_id=workspace_id, pk__in=conversation_ids)
    ids = [pk for pk in conversations.values_list(newest, flat=True) if pk]
    messages = Message.objects.filter(workspace_id=workspace_id, pk__in=ids).only(
        "conversation_id", "created_at", "body"
    )
    return {message.conversation_id: message for message in messages}


def _matches(query: TextQuery, workspace_id: UUID) -> _Matches:
    """A workspace has few tags, so their names are compared here."""
    tags = Tag.objects.filter(workspace_id=workspace_id).values_list("pk", "name")
    tag_ids = [pk for pk, name in tags if query.matches(words_of(name))]
    return _Matches(
        Message.objects.filter(words__match=query),
        Visitor.objects.filter(words__match=query),
        ConversationTag.objects.filter(tag_id__in=tag_ids) if tag_ids else ConversationTag.objects.none(),
    )


def _scan_recent(rows: QuerySet[Any, Any], matches: _Matches, newest: int, limit: int) -> tuple[list[Any], bool]:
    """Return the first `limit` matches among the `newest` newest rows, and whether the result is complete.

    It is complete if the page is full, or if there are no more rows.
    """
    cutoff = rows.values_list("last_activity_at", flat=True)[newest : newest + 1].first()
    recent = rows if cutoff is None else rows.filter(last_activity_at__gt=cutoff)
    workspace, true = OuterRef("workspace_id"), Value(True)
    candidates: list[QuerySet[Any]] = [
        matches.messages.filter(workspace_id=workspace, conversation_id=OuterRef("pk")),
        matches.visitors.filter(workspace_id=workspace, pk=OuterRef("visitor_id")),
        matches.tagged.filter(workspace_id=workspace, conversation_id=OuterRef("pk")),
    ]
    # Not Exists(): with it, PostgreSQL may first collect all messages that match, which may be most of the table.
    subqueries = [
        Subquery(found.annotate(true=true).values("true")[:1]) for found in candidates if not found.query.is_empty()
    ]
    found = list(recent.alias(is_match=Coalesce(*subqueries, Value(False))).filter(is_match=True)[:limit])
    return found, cutoff is None or len(found) == limit


def _matching_ids_if_few(matches: _Matches, workspace_id: UUID) -> set[UUID] | None:
    """Return the ids of all conversations that match, or None if INDEX_LIMIT or more rows of a searched table match.

    Returns ids instead of a subquery, because PostgreSQL estimates the number of matches badly.
    """
    messages, visitors, tagged = matches = matches.within(workspace_id)
    if any(rows[:INDEX_LIMIT].count() == INDEX_LIMIT for rows in matches):
        return None
    ids = list(visitors.values_list("pk", flat=True))
    of_visitors = Conversation.objects.filter(workspace_id=workspace_id, visitor_id__in=ids)
    conversation_ids = [rows.values_list("conversation_id", flat=True) for rows in (messages, tagged)]
    return set(of_visitors.values_list("pk", flat=True)).union(*conversation_ids)


def _matching_ids(matches: _Matches, workspace_id: UUID) -> QuerySet[Any, Any]:
    """Return a query for the ids of all conversations that match.

    A union uses all indexes. With OR, PostgreSQL would check every conversation.
    """
    messages, visitors, tagged = matches.within(workspace_id)
    of_visitors = Conversation.objects.filter(workspace_id=workspace_id, visitor_id__in=visitors.values("pk"))
    return of_visitors.values("pk").union(messages.values("conversation_id"), tagged.values("conversation_id"))
