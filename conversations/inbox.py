"""Queries of the inbox: which conversations an operator sees, in which order, how many there are, and which are unread."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts.scope import Scope
from brands.models import Brand
from conversations.models import Conversation, ConversationTag, OperatorReadState
from conversations.serializers import CONVERSATION_COLUMNS
from praxtalk.core.api.pagination import Keyset
from praxtalk.core.db.compiled_queries import compiled
from praxtalk.core.db.counts import count_each
from praxtalk.core.db.ids import parse_id

UNASSIGNED = "none"
MAX_COUNT = 1000  # counts stop here, so that the index scan ends early; the inbox shows "999+"
NEWEST_FIRST = ("-last_activity_at", "-id")
# The columns of a row of the inbox: those of the conversation, and the position up to which one operator has read it.
ROW_COLUMNS = (*CONVERSATION_COLUMNS, "rating", "unread_position", "last_activity_at", "seen_position")
INBOX_KEYSET = Keyset(
    "inbox",
    NEWEST_FIRST,
    lambda row: [row[ROW_COLUMNS.index("last_activity_at")].isoformat(), str(row[ROW_COLUMNS.index("id")])],
)

Status = Conversation.Status


def filter_conversations(
    scope: Scope,
    *,
    brand: Brand | None = None,
    status: str | None = None,
    assignee: str | None = None,
    tag: str | None = None,
    waiting: bool | None = None,
) -> QuerySet[Conversation, Conversation]:
    """Return the conversations in scope that match, newest activity first.

    assignee: an operator's id, or UNASSIGNED.
    tag: a tag's id.
    waiting: whether the visitor waits for an answer.
    """
    rows = scope.rows(Conversation.objects.all())
    if brand is not None:
        rows = rows.filter(brand_id=brand.pk)
    if status is not None:
        rows = rows.filter(status=status)
    if assignee == UNASSIGNED:
        rows = rows.filter(assignee__isnull=True)
    elif assignee is not None:
        operator_id = parse_id(assignee)
        rows = rows.filter(assignee_id=operator_id) if operator_id else rows.none()
    if tag is not None:
        tagged = ConversationTag.objects.filter(
            workspace_id=scope.workspace_id, tag_id__in=[pk] if (pk := parse_id(tag)) else []
        )
        rows = rows.filter(pk__in=tagged.values("conversation_id"))
    if waiting is not None:
        rows = rows.filter(waiting_since__isnull=not waiting)
    return rows.order_by(*NEWEST_FIRST)


@compiled(literal=("brand_ids", "limit"))
def newest_rows(
    workspace_id: Any, brand_ids: Any, brand_id: Any, status: Any, limit: int
) -> QuerySet[Conversation, tuple[Any, ...]]:
    """Return the newest conversations in a scope as tuples of CONVERSATION_COLUMNS."""
    rows = Scope(workspace_id, brand_ids).rows(Conversation.objects.all())
    if brand_id is not None:
        rows = rows.filter(brand_id=brand_id)
    if status is not None:
        rows = rows.filter(status=status)
    return rows.order_by(*NEWEST_FIRST).values_list(*CONVERSATION_COLUMNS)[:limit]


def count_views(scope: Scope, *, brand: Brand | None, operator_id: UUID) -> dict[str, int]:
    """Count the conversations by status, and the open ones of this operator, of no operator, and in which the visitor waits.

    Each count ends at MAX_COUNT.
    """
    return count_each(_views(scope, brand, operator_id))


def _views(scope: Scope, brand: Brand | None, operator_id: UUID) -> dict[str, QuerySet[Any, Any]]:
    views: dict[str, dict[str, Any]] = {status.value: {"status": status} for status in Status}
    views |= {
        "mine": {"status": Status.OPEN, "assignee": str(operator_id)},
        "unassigned": {"status": Status.OPEN, "assignee": UNASSIGNED},
        "waiting": {"status": Status.OPEN, "waiting": True},
    }
    return {name: filter_conversations(scope, brand=brand, **filters)[:MAX_COUNT] for name, filters in views.items()}


@dataclass(frozen=True)
class UnreadSummary:
    """Open conversations that are assigned to an operator or to nobody, and in which a visitor has written, or a snooze has
    ended, since the operator looked at them."""

    count: int  # among the newest MAX_COUNT assigned ones and the newest MAX_COUNT unassigned ones
    newest: Conversation | None  # with its visitor loaded
    is_seen: bool  # whether the operator had seen the newest one before it became unread again, see OperatorReadState


def unread_summary(scope: Scope, *, brand: Brand | None = None, operator_id: UUID) -> UnreadSummary:
    count, found = 0, list[Any]()
    states = OperatorReadState.objects.filter(conversation_id=OuterRef("pk"), operator_id=operator_id)
    is_seen = Exists(states.filter(highest_position__gte=OuterRef("unread_position")))
    is_unread = Q(unread_position__gt=F("seen_position"))
    for assignee in (str(operator_id), UNASSIGNED):
        rows: Any = filter_conversations(scope, brand=brand, status=Status.OPEN, assignee=assignee)
        newest = _with_seen_position(rows, operator_id)[:MAX_COUNT]
        totals = newest.aggregate(count=Count("pk", filter=is_unread), newest=Max("last_activity_at", filter=is_unread))
        count += totals["count"]
        if totals["newest"]:
            found += rows.filter(last_activity_at=totals["newest"]).with_people().annotate(is_seen=is_seen)[:1]
    newest_row = max(found, key=lambda row: row.last_activity_at, default=None)
    return UnreadSummary(count, newest_row, is_seen=bool(newest_row and newest_row.is_seen))


def inbox_rows(rows: QuerySet[Any, Any], operator_id: UUID) -> QuerySet[Any, Any]:
    """Return conversations as tuples of ROW_COLUMNS."""
    return _with_seen_position(rows, operator_id).values_list(*ROW_COLUMNS)


def _with_seen_position(rows: QuerySet[Any, Any], operator_id: UUID) -> QuerySet[Any, Any]:
    seen = OperatorReadState.objects.filter(conversation_id=OuterRef("pk"), operator_id=operator_id)
    annotated: QuerySet[Any, Any] = rows.annotate(seen_position=Coalesce(Subquery(seen.values("position")), 0))
    return annotated


def tags_by_conversation(workspace_id: UUID, conversation_ids: Iterable[UUID]) -> dict[UUID, list[dict[str, str]]]:
    """Return the tags of each conversation, ordered by name. Conversations without tags have no key."""
    rows = ConversationTag.objects.filter(workspace_id=workspace_id, conversation_id__in=list(conversation_ids))
    tags = defaultdict[UUID, list[dict[str, str]]](list)
    for conversation_id, tag_id, name in rows.order_by("tag__name").values_list(
        "conversation_id", "tag_id", "tag__name"
    ):
        tags[conversation_id].append({"_id": str(tag_id), "name": name})
    return tags
