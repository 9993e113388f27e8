"""Serializers of webhooks, and of the bodies and query parameters of their endpoints."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from integrations.models import MAX_DESCRIPTION_LENGTH, EventName, WebhookSubscription
from praxtalk.core.api.serializers import (
    EpochField,
    IdField,
    OpenChoiceField,
    PageQuery,
    PartialStrictSerializer,
    StrictBooleanField,
    StrictCharField,
    StrictSerializer,
)
from praxtalk.core.epoch import to_milliseconds
from praxtalk.core.http.addresses import MAX_URL

# ruff: noqa: N815 - the field names are the keys of the JSON


def webhook_json(webhook: WebhookSubscription) -> dict[str, Any]:
    """Return a webhook as WebhookJson declares it."""
    pause = None
    if webhook.paused_at:
        since = to_milliseconds(webhook.paused_at)
        pause = {"by": webhook.paused_by, "since": since, "holdEvents": webhook.holds_events}
    rotation = None
    if len(webhook.secrets_at(timezone.now())) == 2:
        ends_at = webhook.second_secret_ends_at
        rotation = {"promoted": ends_at is not None, "oldSecretEndsAt": to_milliseconds(ends_at) if ends_at else None}
    return {
        "_id": str(webhook.pk),
        "url": webhook.url,
        "events": webhook.events,
        "brandId": str(webhook.brand_id) if webhook.brand_id else None,
        "description": webhook.description or None,
        "status": webhook.status,
        "pause": pause,
        "rotation": rotation,
        "failingSince": to_milliseconds(webhook.failing_since) if webhook.failing_since else None,
        "createdAt": to_milliseconds(webhook.created_at),
    }


class PauseJson(serializers.Serializer[Any]):
    by = serializers.ChoiceField(WebhookSubscription.PausedBy.choices)
    since = EpochField()
    holdEvents = serializers.BooleanField()


class RotationJson(serializers.Serializer[Any]):
    promoted = serializers.BooleanField(help_text="Whether the new secret signs first")
    oldSecretEndsAt = EpochField(allow_null=True)


class WebhookJson(serializers.Serializer[Any]):
    _id = serializers.UUIDField()
    url = serializers.CharField()
    events = serializers.ListField(child=OpenChoiceField(EventName.values))
    brandId = serializers.UUIDField(allow_null=True)
    description = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(WebhookSubscription.Status.choices)
    pause = PauseJson(allow_null=True)
    rotation = RotationJson(allow_null=True, help_text="Set while two secrets sign")
    failingSince = EpochField(allow_null=True, help_text="The first failed attempt since the last success")
    createdAt = EpochField()


class WebhookList(serializers.Serializer[Any]):
    webhooks = WebhookJson(many=True)
    nextCursor = serializers.CharField(required=False)


@extend_schema_serializer(component_name="WebhookAlone")
class WebhookDetail(serializers.Serializer[Any]):
    webhook = WebhookJson()


class WebhookCreated(serializers.Serializer[Any]):
    webhookId = serializers.UUIDField()
    secret = serializers.CharField(help_text="whsec_..., shown only once")


class NewSecret(serializers.Serializer[Any]):
    secret = serializers.CharField(help_text="whsec_..., shown only once")


@extend_schema_serializer(component_name="Tested")
class TestResult(serializers.Serializer[Any]):
    delivered = serializers.BooleanField()
    statusCode = serializers.IntegerField(allow_null=True)
    durationMs = serializers.IntegerField()
    error = serializers.CharField(allow_null=True)


class WebhookQuery(PageQuery):
    status = serializers.ChoiceField(WebhookSubscription.Status.choices, required=False)
    brandId = IdField(required=False)


class EventNamesField(serializers.ListField):
    """A list of event names, at least one."""

    def __init__(self, **kwargs: Any) -> None:
        child = serializers.ChoiceField(EventName.choices)
        super().__init__(child=child, min_length=1, max_length=len(EventName), **kwargs)


class NewWebhook(StrictSerializer):
    url = StrictCharField(max_length=MAX_URL)
    events = EventNamesField()
    brandId = IdField(required=False, allow_null=True)
    description = StrictCharField(optional=True, max_length=MAX_DESCRIPTION_LENGTH)


class WebhookChange(PartialStrictSerializer):
    url = StrictCharField(max_length=MAX_URL, required=False)
    events = EventNamesField(required=False)
    description = StrictCharField(optional=True, max_length=MAX_DESCRIPTION_LENGTH)
    status = serializers.ChoiceField(WebhookSubscription.Status.choices, required=False)
    holdEvents = StrictBooleanField(
        required=False, help_text="Whether a paused webhook keeps events to send them later"
    )
