"""The inbox: which conversations an operator sees, in which order, and how many there are."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib.postgres.search import SearchQuery
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from brands.models import Brand
from brands.scope import Scope
from conversations.models import Conversation, ConversationTag, Message, OperatorReading, Visitor
from conversations.search import words_query
from conversations.serializers import COLUMNS, conversation_json, conversation_row_json
from praxtalk.api.pagination import Keyset
from praxtalk.data.counting import count_each
from praxtalk.data.ids import parse_id

NOBODY = "none"
MAX_COUNT = 1000  # counted no further: a number that large is read as "many", and the index is left early
NEAR = 5000
NEWEST_FIRST = ("-last_message_at", "-id")
ROW = (
    *COLUMNS,
    "rating",
    "visitor_position",
    "seen_position",
)  # of the inbox: a conversation's, and what one operator sees
PAGES = Keyset(
    "inbox", NEWEST_FIRST, lambda row: [row[ROW.index("last_message_at")].isoformat(), str(row[ROW.index("id")])]
)

Status = Conversation.Status


def listed(
    scope: Scope,
    *,
    brand: Brand | None = None,
    status: str | None = None,
    assignee: str | None = None,
    tag: str | None = None,
) -> QuerySet[Conversation, Conversation]:
    """Newest activity first.

    assignee: an operator's id, or NOBODY.
    tag: a tag's id.
    """
    rows = scope.rows(Conversation.objects.all())
    if brand is not None:
        rows = rows.filter(brand_id=brand.pk)
    if status is not None:
        rows = rows.filter(status=status)
    if assignee == NOBODY:
        rows = rows.filter(assignee__isnull=True)
    elif assignee is not None:
        operator_id = parse_id(assignee)
        rows = rows.filter(assignee_id=operator_id) if operator_id else rows.none()
    if tag is not None:
        tagged = ConversationTag.objects.filter(
            workspace_id=scope.workspace_id, tag_id__in=[pk] if (pk := parse_id(tag)) else []
        )
        rows = rows.filter(pk__in=tagged.values("conversation_id"))
    return rows.order_by(*NEWEST_FIRST)


def first_found(rows: QuerySet[Any, Any], scope: Scope, text: str, limit: int) -> list[Any]:
    """The first of these, which stand newest first, that hold the text: every word of it begins a word of the visitor's name,
    e-mail or phone, or all do so in one message.

    1. The newest NEAR rows are looked through. A common word fills the page there, after a few rows.
    2. If it does not, few rows hold it: the index over all words tells which.
    """
    words = words_query(text)
    if words is None:
        return []
    edge = rows.values_list("last_message_at", flat=True)[NEAR : NEAR + 1].first()
    near = rows if edge is None else rows.filter(last_message_at__gt=edge)
    found = list(near.filter(_holding(words))[:limit])
    return (
        found
        if edge is None or len(found) == limit
        else list(rows.filter(pk__in=_indexed(words, scope.workspace_id))[:limit])
    )


def counted(scope: Scope, *, brand: Brand | None, operator_id: UUID) -> dict[str, int]:
    """Conversations by status, and the open ones of this operator and of nobody; each up to MAX_COUNT."""
    return count_each(_views(scope, brand, operator_id))


def counted_with_unread(scope: Scope, *, brand: Brand | None, operator_id: UUID) -> dict[str, int]:
    """The same with `unread`: open ones of this operator, or of nobody, in which a visitor has written since the operator looked.
    Of the newest MAX_COUNT of each."""
    mine, unassigned = _unread(scope, brand, operator_id)
    counts = count_each(_views(scope, brand, operator_id) | {"unread": mine, "unread of nobody": unassigned})
    counts["unread"] += counts.pop("unread of nobody")
    return counts


def _views(scope: Scope, brand: Brand | None, operator_id: UUID) -> dict[str, QuerySet[Any, Any]]:
    views: dict[str, dict[str, Any]] = {status.value: {"status": status} for status in Status}
    views |= {
        "mine": {"status": Status.OPEN, "assignee": str(operator_id)},
        "unassigned": {"status": Status.OPEN, "assignee": NOBODY},
    }
    return {name: listed(scope, brand=brand, **filters)[:MAX_COUNT] for name, filters in views.items()}


def unread(scope: Scope, *, operator_id: UUID) -> int:
    """How many of all brands in scope are unread."""
    return sum(rows.count() for rows in _unread(scope, None, operator_id))


def newest_unread(scope: Scope, *, brand: Brand | None, operator_id: UUID) -> Conversation | None:
    """Of these, the one with the newest message. With its visitor."""
    found = [rows.order_by(*NEWEST_FIRST).with_people().first() for rows in _unread(scope, brand, operator_id)]
    return max((row for row in found if row), key=lambda row: row.last_message_at, default=None)


def _unread(scope: Scope, brand: Brand | None, operator_id: UUID) -> list[Any]:
    newest = [
        listed(scope, brand=brand, status=Status.OPEN, assignee=assignee)[:MAX_COUNT]
        for assignee in (str(operator_id), NOBODY)
    ]
    rows = [_with_seen_position(Conversation.objects.filter(pk__in=few.values("pk")), operator_id) for few in newest]
    return [each.filter(visitor_position__gt=F("seen_position")) for each in rows]


def with_readings(rows: QuerySet[Any, Any], operator_id: UUID) -> QuerySet[Any, Any]:
    """The same as tuples of ROW."""
    return _with_seen_position(rows, operator_id).values_list(*ROW)


def _with_seen_position(rows: QuerySet[Any, Any], operator_id: UUID) -> QuerySet[Any, Any]:
    seen = OperatorReading.objects.filter(conversation_id=OuterRef("pk"), operator_id=operator_id)
    annotated: QuerySet[Any, Any] = rows.annotate(seen_position=Coalesce(Subquery(seen.values("position")), 0))
    return annotated


def tags_of(workspace_id: UUID, conversation_ids: Iterable[UUID]) -> dict[UUID, list[dict[str, str]]]:
    """The tags of each, by name."""
    rows = ConversationTag.objects.filter(workspace_id=workspace_id, conversation_id__in=list(conversation_ids))
    tags = defaultdict[UUID, list[dict[str, str]]](list)
    for conversation_id, tag_id, name in rows.order_by("tag__name").values_list(
        "conversation_id", "tag_id", "tag__name"
    ):
        tags[conversation_id].append({"_id": str(tag_id), "name": name})
    return tags


def _holding(words: SearchQuery) -> Q:
    messages = Message.objects.filter(
        workspace_id=OuterRef("workspace_id"), conversation_id=OuterRef("pk"), words=words
    )
    visitors = Visitor.objects.filter(workspace_id=OuterRef("workspace_id"), pk=OuterRef("visitor_id"), words=words)
    return Q(Exists(messages)) | Q(Exists(visitors))


def _indexed(words: SearchQuery, workspace_id: UUID) -> QuerySet[Any, Any]:
    """Two indexes, then the rows: with OR instead of the union, every conversation would be looked at."""
    visitors = Visitor.objects.filter(workspace_id=workspace_id, words=words)
    by_visitor = Conversation.objects.filter(workspace_id=workspace_id, visitor_id__in=visitors.values("pk"))
    messages = Message.objects.filter(workspace_id=workspace_id, words=words)
    return by_visitor.values("pk").union(messages.values("conversation_id"))


def row_json(row: tuple[Any, ...], tags: dict[UUID, list[dict[str, str]]]) -> dict[str, Any]:
    """A conversation of the inbox: that of REST with `tags`, `rating`, and `unread`, by this operator."""
    rating, visitor_position, seen_position = row[len(COLUMNS) :]
    more = {"rating": rating, "unread": visitor_position > seen_position, "tags": tags.get(row[0], [])}
    return conversation_row_json(row[: len(COLUMNS)]) | more


def row_of(conversation: Conversation) -> dict[str, Any]:
    """The same of a model instance, without `unread`: it is being looked at."""
    tags = tags_of(conversation.workspace_id, [conversation.pk])
    return conversation_json(conversation) | {"rating": conversation.rating, "tags": tags.get(conversation.pk, [])}
