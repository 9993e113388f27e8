"""Serializers of deliveries, their attempts and replays, and of the bodies and query parameters of their endpoints."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from integrations.models import Attempt, Delivery, EventName, Replay
from integrations.models.deliveries import Trigger
from praxtalk.core.api.serializers import (
    EpochField,
    IdField,
    MillisecondsField,
    OpenChoiceField,
    PageQuery,
    StrictSerializer,
)
from praxtalk.core.epoch import to_milliseconds

# ruff: noqa: N815 - the field names are the keys of the JSON


def delivery_json(delivery: Any) -> dict[str, Any]:
    """Return a delivery as DeliveryJson declares it. delivery: annotated with the name of its event as `type`."""
    is_waiting = delivery.status == Delivery.Status.PENDING
    return {
        "_id": str(delivery.pk),
        "webhookId": str(delivery.subscription_id),
        "eventId": str(delivery.event_id),
        "type": delivery.type,
        "status": delivery.status,
        "attempts": delivery.attempts_made,
        "nextAttemptAt": to_milliseconds(delivery.next_attempt_at) if is_waiting else None,
        "createdAt": to_milliseconds(delivery.created_at),
    }


def attempt_json(attempt: Attempt) -> dict[str, Any]:
    """Return an attempt as AttemptJson declares it."""
    return {
        "number": attempt.number,
        "trigger": attempt.trigger,
        "startedAt": to_milliseconds(attempt.started_at),
        "durationMs": attempt.duration_ms,
        "outcome": attempt.outcome,
        "statusCode": attempt.status_code,
        "responseBody": attempt.response_body,
        "error": attempt.error or None,
    }


class DeliveryJson(serializers.Serializer[Any]):
    _id = serializers.UUIDField()
    webhookId = serializers.UUIDField()
    eventId = serializers.UUIDField()
    type = OpenChoiceField(EventName.values)
    status = serializers.ChoiceField(Delivery.Status.choices)
    attempts = serializers.IntegerField(help_text="How many of the six attempts have been made")
    nextAttemptAt = EpochField(allow_null=True)
    createdAt = EpochField()


class AttemptJson(serializers.Serializer[Any]):
    number = serializers.IntegerField(help_text="Counts all attempts, including interrupted and manual ones")
    trigger = serializers.ChoiceField(Trigger.choices)
    startedAt = EpochField()
    durationMs = serializers.IntegerField(allow_null=True)
    outcome = serializers.ChoiceField(Attempt.Outcome.choices)
    statusCode = serializers.IntegerField(allow_null=True)
    responseBody = serializers.CharField(allow_blank=True)
    error = serializers.CharField(allow_null=True)


class DeliveryList(serializers.Serializer[Any]):
    deliveries = DeliveryJson(many=True)
    nextCursor = serializers.CharField(required=False)


class DeliveryWithLog(DeliveryJson):
    log = AttemptJson(many=True, help_text="The newest 100 attempts, oldest first")


@extend_schema_serializer(component_name="DeliveryAlone")
class DeliveryDetail(serializers.Serializer[Any]):
    delivery = DeliveryWithLog()


class DeliveryQuery(PageQuery):
    webhookId = IdField(required=False)
    status = serializers.ChoiceField(Delivery.Status.choices, required=False)
    type = serializers.ChoiceField(EventName.choices, required=False)


class NewReplay(StrictSerializer):
    webhookId = IdField()
    status = serializers.ChoiceField(Replay.Selection.choices, default=Replay.Selection.FAILED)
    type = serializers.ChoiceField(EventName.choices, required=False)
    since = MillisecondsField(required=False, help_text="Created at or after this time (ms since the epoch)")
    until = MillisecondsField(required=False, help_text="Created at or before this time (ms since the epoch)")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "since" in attrs and "until" in attrs and attrs["since"] > attrs["until"]:
            raise serializers.ValidationError({"since": "Must not be later than until."})
        return attrs


class ReplayCreated(serializers.Serializer[Any]):
    replayId = serializers.UUIDField()


class ReplayState(serializers.Serializer[Any]):
    total = serializers.IntegerField()
    done = serializers.IntegerField()
    status = serializers.ChoiceField(Replay.Status.choices)
