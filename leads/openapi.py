"""The webhook events of leads, for the OpenAPI document."""

from typing import Any

from rest_framework import serializers

from integrations.models import EventName
from integrations.serializers.events import EventJson
from integrations.webhooks.openapi import event_type, webhook
from leads.models import Lead
from leads.serializers import LeadJson

# ruff: noqa: N815 - the field names are the keys of the JSON


class LeadCreatedData(serializers.Serializer[Any]):
    lead = LeadJson()


class LeadCreatedEvent(EventJson):
    type = event_type(EventName.LEAD_CREATED)
    data = LeadCreatedData()  # type: ignore[assignment]


class LeadStatusChangedData(serializers.Serializer[Any]):
    lead = LeadJson()
    previousStatus = serializers.ChoiceField(Lead.Status.choices)


class LeadStatusChangedEvent(EventJson):
    type = event_type(EventName.LEAD_STATUS_CHANGED)
    data = LeadStatusChangedData()  # type: ignore[assignment]


# One constant each, because the setting SPECTACULAR_SETTINGS["WEBHOOKS"] refers to each by its dotted path.
LEAD_CREATED = webhook(EventName.LEAD_CREATED, LeadCreatedEvent, summary="A lead was created")
LEAD_STATUS_CHANGED = webhook(EventName.LEAD_STATUS_CHANGED, LeadStatusChangedEvent, summary="A lead's status changed")
