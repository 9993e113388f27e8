"""Helpers to describe an app's events in the webhooks section of the OpenAPI document.

Each event has a schema of its own, identified by `type`. There is no union of them: a receiver reads `type` first and can
ignore types that it does not know yet.
"""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, OpenApiWebhook, extend_schema, extend_schema_field
from rest_framework import serializers

from integrations.models import EventName
from integrations.serializers.events import EventJson

TAG = "Webhook events"  # not the tag of the endpoints that manage webhooks: generators create a module for each tag


def event_type(name: EventName) -> Any:
    """Return the field `type` of an event's schema, whose only value is this name."""
    field: Any = type("EventTypeField", (serializers.CharField,), {})
    return extend_schema_field({"type": "string", "const": name.value})(field)()


def webhook(name: EventName, event: type[EventJson], *, summary: str) -> OpenApiWebhook:
    """Return the OpenAPI webhook of an event. event: the serializer class of its body."""
    words = name.value.replace(".", "_").split("_")
    described = extend_schema(
        operation_id="on" + "".join(word.capitalize() for word in words),
        summary=summary,
        tags=[TAG],
        request=event,
        responses={
            "2XX": OpenApiResponse(description="Without a 2xx response within 15 seconds, the request is sent again")
        },
    )
    return OpenApiWebhook(name=name.value, decorator=described)
