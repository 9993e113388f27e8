"""The JSON of events, and serializers for events and for the query parameters of the event feed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from rest_framework import serializers

from integrations.models import EventName
from praxtalk.core.api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from praxtalk.core.api.serializers import MAX_CURSOR, EpochField, OpenChoiceField, QueryIntegerField, StrictSerializer
from praxtalk.core.epoch import to_milliseconds

# ruff: noqa: N815 - the field names are the keys of the JSON


def event_json(
    event_id: UUID,
    name: str,
    *,
    workspace_id: UUID,
    brand_id: UUID | None,
    created_at: datetime,
    data: dict[str, Any],
) -> dict[str, Any]:
    """Return the body of a webhook request as EventJson declares it."""
    return {
        "id": str(event_id),
        "type": name,
        "createdAt": to_milliseconds(created_at),
        "workspaceId": str(workspace_id),
        "brandId": str(brand_id) if brand_id else None,
        "data": data,
    }


class EventJson(serializers.Serializer[Any]):
    """The body of a webhook request."""

    id = serializers.UUIDField()
    type = OpenChoiceField(EventName.values)
    createdAt = EpochField()
    workspaceId = serializers.UUIDField()
    brandId = serializers.UUIDField(allow_null=True)
    data = serializers.DictField(  # type: ignore[assignment]
        help_text="The objects that the event is about, in their REST format",
    )


class EventList(serializers.Serializer[Any]):
    events = EventJson(many=True)
    nextCursor = serializers.CharField(help_text="Always present. Send it as `after` to get the next events")


class EventQuery(StrictSerializer):
    after = serializers.CharField(max_length=MAX_CURSOR, required=False, help_text="nextCursor of the previous page")
    limit = QueryIntegerField(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT)
