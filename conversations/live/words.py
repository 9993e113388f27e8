"""Live functions for canned replies, tags, mentions, assignments, and the details of a visitor."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q

from accounts.operator_tokens import OperatorCaller, operators
from brands.live import brand_in_scope
from conversations import actions
from conversations.inbox import MAX_COUNT
from conversations.live.arguments import AssignmentsSeen, NewTag, OfBrand, OfVisitor
from conversations.live.lookups import Arguments, operator_named
from conversations.models import CANNED_REPLIES, TAGS, CannedReply, Conversation, Mention, Tag, Visitor
from conversations.serializers import COLUMNS, conversation_row_json, person_json
from praxtalk.core.api.serializers import StrictSerializer
from praxtalk.core.epoch import to_milliseconds
from praxtalk.core.live.functions import mutation, query
from praxtalk.core.live.results import Code, FunctionError

MAX_CANNED_REPLIES = 500
MAX_MENTIONS = 20
MAX_EARLIER = 20
MENTION_LENGTH = 140


def _canned_reply_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    return [f"{CANNED_REPLIES}.{caller.workspace_id}"]


@query("cannedReplies:list", authenticator=operators, shape=OfBrand, topics=_canned_reply_topics)
def list_canned_replies(caller: OperatorCaller, arguments: Arguments) -> list[dict[str, Any]]:
    """Return the canned replies for all brands, and those of the given brand or, without one, of each brand in scope."""
    rows = CannedReply.objects.filter(workspace_id=caller.workspace_id)
    if brand := brand_in_scope(caller, arguments.get("brandId")):
        rows = rows.filter(Q(brand=brand) | Q(brand__isnull=True))
    elif caller.scope.brand_ids is not None:
        rows = rows.filter(Q(brand_id__in=caller.scope.brand_ids) | Q(brand__isnull=True))
    return [
        {
            "_id": str(reply.pk),
            "shortcut": reply.shortcut,
            "body": reply.body,
            "brandId": str(reply.brand_id) if reply.brand_id else None,
        }
        for reply in rows.order_by("shortcut", "pk")[:MAX_CANNED_REPLIES]
    ]


def _tag_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    return [f"{TAGS}.{caller.workspace_id}"]


@query("tags:list", authenticator=operators, shape=StrictSerializer, topics=_tag_topics)
def list_tags(caller: OperatorCaller, arguments: Arguments) -> list[dict[str, Any]]:
    rows = Tag.objects.filter(workspace_id=caller.workspace_id).order_by("name", "pk")
    return [{"_id": str(tag.pk), "name": tag.name} for tag in rows[:MAX_CANNED_REPLIES]]


@mutation("tags:create", authenticator=operators, shape=NewTag)
def create_tag(caller: OperatorCaller, arguments: Arguments) -> dict[str, str]:
    """Return the id of the tag with this name, ignoring case. Create the tag if there is none."""
    same = Tag.objects.filter(workspace_id=caller.workspace_id, name__iexact=arguments["name"])
    tag = same.first()
    if tag is None:
        try:
            with transaction.atomic():  # a savepoint, to continue after an error
                tag = actions.create_tag(caller.workspace_id, name=arguments["name"])
        except (ValidationError, IntegrityError) as error:
            tag = same.first()  # created by a concurrent call
            if tag is None:
                reason = error.messages[0] if isinstance(error, ValidationError) else "This name cannot be used."
                raise FunctionError(Code.INVALID, f"name: {reason}") from error
    return {"tagId": str(tag.pk)}


def _mention_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    return [Mention.topic(caller.operator_id)]


@query("inbox:mentions", authenticator=operators, shape=StrictSerializer, topics=_mention_topics, personal=True)
def list_mentions(caller: OperatorCaller, arguments: Arguments) -> list[dict[str, Any]]:
    """Return the notes that mention the operator and that they have not seen, newest first."""
    rows = caller.scope.rows(
        Mention.objects.filter(operator_id=caller.operator_id, seen_at__isnull=True, note__isnull=False),
        brand_field="note__conversation__brand_id",
    )
    rows = rows.select_related("note__author", "note__conversation__visitor").order_by("-created_at")
    return [
        {
            "noteId": str(note.pk),
            "conversationId": str(note.conversation_id),
            "visitor": note.conversation.visitor.name,
            "author": person_json(note.author),
            "sender": note.sender,
            "body": note.body[:MENTION_LENGTH],
            "createdAt": to_milliseconds(mention.created_at),
        }
        for mention in rows[:MAX_MENTIONS]
        if (note := mention.note)
    ]


@query("inbox:assignments", authenticator=operators, shape=StrictSerializer, topics=_mention_topics, personal=True)
def list_assignments(caller: OperatorCaller, arguments: Arguments) -> dict[str, Any]:
    """Return the conversations that somebody else assigned to the operator and that they have not seen: how many (up to
    MAX_COUNT), and the newest of them."""
    rows = caller.scope.rows(
        Mention.objects.filter(operator_id=caller.operator_id, seen_at__isnull=True, conversation__isnull=False),
        brand_field="conversation__brand_id",
    )
    newest = rows.select_related("conversation__visitor").order_by("-created_at", "-pk")[:MAX_MENTIONS]
    return {
        "count": rows[:MAX_COUNT].count(),
        "newest": [
            {
                "id": str(assignment.pk),
                "conversationId": str(assignment.conversation_id),
                "visitor": assignment.subject.visitor.name,
                "assignedBy": assignment.assigned_by,
                "createdAt": to_milliseconds(assignment.created_at),
            }
            for assignment in newest
        ],
    }


@mutation("inbox:seeAssignments", authenticator=operators, shape=AssignmentsSeen)
def see_assignments(caller: OperatorCaller, arguments: Arguments) -> dict[str, bool]:
    actions.see_assignments(operator_named(caller, caller.operator_id), until=arguments.get("until"))
    return {"ok": True}


def _visitor_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    return [f"visitor.{caller.workspace_id}.{arguments['visitorId'].lower()}"]


@query("visitors:get", authenticator=operators, shape=OfVisitor, topics=_visitor_topics)
def get_visitor(caller: OperatorCaller, arguments: Arguments) -> dict[str, Any]:
    """Return the visitor's details, and their newest conversations in scope."""
    visitor = caller.get_in_scope(Visitor.objects.all(), arguments["visitorId"])
    talks = caller.scope.rows(Conversation.objects.filter(visitor=visitor)).order_by("-last_activity_at", "-id")
    return {
        "_id": str(visitor.pk),
        "name": visitor.name,
        "email": visitor.email or None,
        "phone": visitor.phone or None,
        "externalId": visitor.external_id,
        "page": visitor.page or None,
        "referrer": visitor.referrer or None,
        "browser": visitor.browser or None,
        "timeZone": visitor.time_zone or None,
        "locale": visitor.locale or None,
        "blocked": visitor.blocked_at is not None,
        "createdAt": to_milliseconds(visitor.created_at),
        "conversations": [conversation_row_json(row) for row in talks.values_list(*COLUMNS)[:MAX_EARLIER]],
    }
