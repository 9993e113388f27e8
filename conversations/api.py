"""REST endpoints: /api/v1/conversations, /api/v1/messages and /api/v1/attachments."""

from typing import Any, cast

from django.db.models import QuerySet
from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Operator
from brands.api import brand_in_scope
from conversations import actions
from conversations.attachments import file_response
from conversations.models import Attachment, Channel, Conversation, Message
from conversations.serializers import (
    CONVERSATION_COLUMNS,
    ConversationList,
    ConversationQuery,
    ConversationResponse,
    MessageList,
    MessageQuery,
    MessageSent,
    NewMessage,
    StatusChange,
    conversation_row_json,
    message_json,
    thread_json,
)
from conversations.timeline import messages_after, messages_before, newest_messages
from integrations.models import ApiKey
from praxtalk.core.api.errors import UnprocessableEntity
from praxtalk.core.api.idempotency import idempotent
from praxtalk.core.api.pagination import Keyset, sign, unsign
from praxtalk.core.api.serializers import OkSerializer, StrictSerializer
from praxtalk.core.api.view import ApiView
from praxtalk.core.db.compiled_queries import compiled
from praxtalk.core.db.ids import parse_id
from praxtalk.core.db.transactions import joined_transaction

NEWEST_ACTIVITY_FIRST = Keyset(
    "conversations",
    ("-last_activity_at", "-id"),
    lambda row: [row[-1].isoformat(), str(row[CONVERSATION_COLUMNS.index("id")])],
    supports_updated_since=True,
)


@compiled(literal=("limit",))
def _conversation_page(
    workspace_id: Any, brand_id: Any, status: Any, since: Any, last_activity_at: Any, last_id: Any, limit: int
) -> QuerySet[Conversation, tuple[Any, ...]]:
    """Return one page, newest activity first, as tuples of CONVERSATION_COLUMNS and `last_activity_at`.

    last_activity_at, last_id: those of the previous page's last conversation; None for the first page.
    """
    rows = Conversation.objects.filter(workspace_id=workspace_id)
    if brand_id is not None:
        rows = rows.filter(brand_id=brand_id)
    if status is not None:
        rows = rows.filter(status=status)
    if since is not None:
        rows = rows.filter(updated_at__gte=since)
    after = None if last_activity_at is None else (last_activity_at, last_id)
    return NEWEST_ACTIVITY_FIRST.select(rows.values_list(*CONVERSATION_COLUMNS, "last_activity_at"), after)[:limit]


@compiled()
def _conversation_with_brand(workspace_id: Any, row_id: Any) -> QuerySet[Conversation, Conversation]:
    rows = Conversation.objects.with_people().select_related("brand")
    return rows.filter(workspace_id=workspace_id, pk=row_id)


class Conversations(ApiView):
    @extend_schema(
        operation_id="listConversations",
        summary="List conversations, newest activity first",
        tags=["Conversations"],
        parameters=[ConversationQuery],
        responses=ConversationList,
    )
    def get(self, request: Request) -> Response:
        query = self.parameters(ConversationQuery)
        brand = brand_in_scope(self, query.get("brandId"))

        def rows(after: list[Any] | None, limit: int) -> list[tuple[Any, ...]]:
            last_activity_at, last_id = after or (None, None)
            return _conversation_page(
                workspace_id=self.key.workspace_id,
                brand_id=brand.pk if brand else self.key.brand_id,
                status=query.get("status"),
                since=query.get("updatedSince"),
                last_activity_at=last_activity_at,
                last_id=last_id,
                limit=limit,
            )

        as_json = lambda row: conversation_row_json(row[:-1])  # noqa: E731
        return self.paginated_response(NEWEST_ACTIVITY_FIRST, rows, query, name="conversations", as_json=as_json)


class ConversationById(ApiView):
    @extend_schema(
        operation_id="getConversation",
        summary="Get a conversation with its newest messages",
        tags=["Conversations"],
        responses=ConversationResponse,
    )
    def get(self, request: Request, id: str) -> Response:
        self.parameters(StrictSerializer)
        conversation = self.get_in_scope_compiled(_conversation_with_brand, id)
        messages, has_more = newest_messages(conversation)
        older = {"olderCursor": _cursor(conversation, "before", messages[0])} if has_more else {}
        return Response({"conversation": thread_json(conversation, messages) | older})

    @extend_schema(
        operation_id="setConversationStatus",
        summary="Change a conversation's status",
        tags=["Conversations"],
        request=StatusChange,
        responses=OkSerializer,
    )
    def patch(self, request: Request, id: str) -> Response:
        with joined_transaction():
            conversation = self.lock_in_scope(actions.lock_conversation, id)
            body = self.body(StatusChange)
            actions.set_status(conversation, status=body["status"], snoozed_until=body.get("snoozedUntil", ...))
        return Response({"ok": True})


class MessagesOfConversation(ApiView):
    @extend_schema(
        operation_id="sendMessage",
        summary="Reply as an operator",
        tags=["Conversations"],
        request=NewMessage,
        responses={201: MessageSent},
    )
    @idempotent
    def post(self, request: Request, id: str) -> Response:
        conversation = self.lock_in_scope(actions.lock_conversation, id)
        body = self.body(NewMessage)
        message = actions.send_message(
            conversation,
            role=Message.Role.OPERATOR,
            body=body["body"],
            channel=Channel.API,
            author=self._author(conversation, body["operatorId"]) if body.get("operatorId") else None,
            api_key=cast(ApiKey, self.key),
        )
        location = f"/api/v1/messages?conversationId={conversation.pk}"
        return Response({"messageId": str(message.pk)}, status=201, headers={"Location": location})

    def _author(self, conversation: Conversation, operator_id: str) -> Operator:
        """Return the operator in whose name the key replies. Raises UnprocessableEntity if they may not reply there."""
        pk = parse_id(operator_id)
        rows = Operator.objects.filter(workspace_id=self.key.workspace_id, pk=pk)
        operator: Operator | None = rows.first() if pk else None
        if operator is None or not actions.can_access(operator, conversation):
            raise UnprocessableEntity(
                "operatorId: no active operator of this workspace who sees the conversation's brand has this id."
            )
        return operator


class Messages(ApiView):
    @extend_schema(
        operation_id="listMessages",
        summary="List a conversation's messages, oldest first",
        tags=["Messages"],
        parameters=[MessageQuery],
        responses=MessageList,
    )
    def get(self, request: Request) -> Response:
        query = self.parameters(MessageQuery)
        conversation = self.get_in_scope(Conversation.objects.all(), query["conversationId"])
        direction, position = "after", 0
        if "cursor" in query:
            direction, position = unsign("messages", str(conversation.pk), query["cursor"])
        is_backward = direction == "before"
        messages, has_more = (messages_before if is_backward else messages_after)(
            conversation, position, query["limit"]
        )
        data: dict[str, object] = {"messages": [message_json(message) for message in messages]}
        if has_more:
            end = messages[0] if is_backward else messages[-1]
            data["olderCursor" if is_backward else "nextCursor"] = _cursor(conversation, direction, end)
        return Response(data)


class AttachmentById(ApiView):
    @extend_schema(
        operation_id="getAttachment",
        summary="Download an attachment",
        tags=["Messages"],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, id: str) -> FileResponse:
        self.parameters(StrictSerializer)
        attachment = self.get_in_scope(Attachment.objects.select_related("conversation"), id)
        return file_response(attachment)


def _cursor(conversation: Conversation, direction: str, message: Message) -> str:
    return sign("messages", str(conversation.pk), [direction, message.position])
