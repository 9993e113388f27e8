"""Serializers of events, and of the query parameters of the event feed."""

from typing import Any

from rest_framework import serializers

from integrations.models import EventName
from praxtalk.core.api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from praxtalk.core.api.serializers import MAX_CURSOR, EpochField, OpenChoiceField, QueryIntegerField, StrictSerializer

# ruff: noqa: N815 - the attributes are named like the JSON fields


class EventJson(serializers.Serializer[Any]):
    """The body of a webhook request."""

    id = serializers.UUIDField()
    type = OpenChoiceField(EventName.values)
    createdAt = EpochField()
    workspaceId = serializers.UUIDField()
    brandId = serializers.UUIDField(allow_null=True)
    data = serializers.DictField(help_text="The objects that the event is about, in their REST format")  # type: ignore[assignment]


class EventList(serializers.Serializer[Any]):
    events = EventJson(many=True)
    nextCursor = serializers.CharField(help_text="Always present. Send it as `after` to get the next events")


class EventQuery(StrictSerializer):
    after = serializers.CharField(max_length=MAX_CURSOR, required=False, help_text="nextCursor of the previous page")
    limit = QueryIntegerField(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT)
