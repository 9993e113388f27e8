"""Export all data of a workspace as one JSON document."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import orjson
from django.core.cache import cache
from django.db.models import Model, QuerySet

from accounts.models import AuditEntry, Operator, Workspace
from brands.models import Brand
from brands.serializers import brand_json
from conversations.inbox_json import canned_reply_json, tag_json
from conversations.models import (
    Activity,
    CannedReply,
    Conversation,
    ConversationTag,
    Message,
    Note,
    Tag,
    Visitor,
    private_operator_fields,
)
from conversations.timeline import entry_json
from data_requests.visitor_data import (
    conversation_export_json,
    message_export_json,
    note_export_json,
    visitor_export_json,
)
from integrations.models import ApiKey, WebhookSubscription
from integrations.serializers.webhooks import webhook_json
from leads.models import Lead
from leads.serializers import lead_json
from praxtalk.core.db.timeouts import long_transaction
from praxtalk.core.epoch import to_milliseconds

ROWS_PER_QUERY = 100  # limits memory: a message may have 10,000 characters
CHUNK_BYTES = 256 * 1024
PROGRESS_TTL_SECONDS = 3600

Part = tuple[QuerySet[Any], Callable[[Any], dict[str, Any]]]


def export_document(workspace: Workspace, key: str) -> Iterator[bytes]:
    """Yield the document in chunks. One transaction reads all of it from the same snapshot.

    key: the cache key under which the progress is stored, see `progress_key`.
    """
    with long_transaction(is_snapshot=True):
        parts = _parts(workspace)
        total = sum(rows.count() for rows, _ in parts.values())
        done = 0
        yield b'{"workspace":' + orjson.dumps({"_id": str(workspace.pk), "name": workspace.name})
        for name, (rows, as_json) in parts.items():
            yield b',\n"%b":[' % name.encode()
            chunk = bytearray()
            for index, row in enumerate(rows.iterator(chunk_size=ROWS_PER_QUERY)):
                chunk += (b",\n" if index else b"\n") + orjson.dumps(as_json(row))
                done += 1
                if len(chunk) >= CHUNK_BYTES:
                    cache.set(key, (done, total), PROGRESS_TTL_SECONDS)
                    yield bytes(chunk)
                    chunk.clear()
            yield bytes(chunk) + b"]"
        cache.set(key, (total, total), PROGRESS_TTL_SECONDS)
        yield b"}\n"


def progress_key(workspace_id: UUID, export_id: str) -> str:
    return f"export:{workspace_id}:{export_id[:36]}"


def _parts(workspace: Workspace) -> dict[str, Part]:
    """Return the rows of each part by its name in the document, with the function that returns their JSON. Omits all secrets."""

    def rows_of(model: type[Model]) -> QuerySet[Any]:
        return model._default_manager.filter(workspace_id=workspace.pk).order_by("pk")

    return {
        "brands": (rows_of(Brand), lambda brand: brand_json(brand) | _brand_settings(brand)),
        "operators": (rows_of(Operator), _operator_json),
        "apiKeys": (rows_of(ApiKey), _api_key_json),
        "webhooks": (rows_of(WebhookSubscription), webhook_json),
        "cannedReplies": (rows_of(CannedReply), canned_reply_json),
        "visitors": (rows_of(Visitor), visitor_export_json),
        "conversations": (rows_of(Conversation).select_related("visitor", "assignee"), conversation_export_json),
        "messages": (
            rows_of(Message).select_related("author").defer(*private_operator_fields("author")),
            message_export_json,
        ),
        "notes": (rows_of(Note).select_related("author").defer(*private_operator_fields("author")), _note_json),
        "activities": (rows_of(Activity), lambda activity: entry_json(activity) | _conversation_ref(activity)),
        "tags": (rows_of(Tag), tag_json),
        "conversationTags": (rows_of(ConversationTag), lambda row: {"tagId": str(row.tag_id)} | _conversation_ref(row)),
        "leads": (rows_of(Lead), lead_json),
        "auditLog": (rows_of(AuditEntry), _audit_entry_json),
    }


def _brand_settings(brand: Brand) -> dict[str, Any]:
    return {
        "side": brand.side,
        "greeting": brand.greeting or None,
        "privacyUrl": brand.privacy_url or None,
        "allowedDomains": brand.allowed_domains,
        "businessHours": brand.business_hours,
        "timeZone": brand.time_zone,
        "emailFrom": brand.email_from or None,
        "texts": brand.texts,
    }


def _operator_json(operator: Operator) -> dict[str, Any]:
    return {
        "_id": str(operator.pk),
        "name": operator.name,
        "email": operator.email,
        "role": operator.role,
        "isActive": operator.is_active,
        "createdAt": to_milliseconds(operator.created_at),
    }


def _api_key_json(key: ApiKey) -> dict[str, Any]:
    return {
        "_id": str(key.pk),
        "name": key.name,
        "scope": key.scope,
        "prefix": key.prefix,
        "brandId": str(key.brand_id) if key.brand_id else None,
        "createdAt": to_milliseconds(key.created_at),
        "revokedAt": to_milliseconds(key.revoked_at) if key.revoked_at else None,
    }


def _conversation_ref(row: Activity | ConversationTag | Note) -> dict[str, str]:
    return {"conversationId": str(row.conversation_id)}


def _note_json(note: Note) -> dict[str, Any]:
    return {"_id": str(note.pk)} | _conversation_ref(note) | note_export_json(note)


def _audit_entry_json(entry: AuditEntry) -> dict[str, Any]:
    return {
        "_id": str(entry.pk),
        "actor": entry.actor,
        "address": entry.address,
        "action": entry.action,
        "subject": entry.subject,
        "details": entry.details,
        "createdAt": to_milliseconds(entry.created_at),
    }
