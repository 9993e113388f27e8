"""Serializers of leads: responses, request bodies, query parameters and arguments of live functions."""

from typing import Any

from rest_framework import serializers

from leads.models import Lead
from praxtalk.core.api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from praxtalk.core.api.serializers import (
    SYNCED_AT,
    UPDATED_SINCE,
    EpochField,
    IdField,
    PageQuery,
    PartialStrictSerializer,
    QueryMillisecondsField,
    StrictBooleanField,
    StrictCharField,
    StrictEmailField,
    StrictIntegerField,
    StrictSerializer,
)
from praxtalk.core.epoch import to_milliseconds

MAX_NOTES_LENGTH = 10_000

# ruff: noqa: N815 - the field names are the keys of the JSON


def lead_json(lead: Lead) -> dict[str, Any]:
    """Return a lead as LeadJson declares it."""
    return {
        "_id": str(lead.pk),
        "name": lead.name,
        "email": lead.email or None,
        "phone": lead.phone or None,
        "notes": lead.notes or None,
        "status": lead.status,
        "brandId": str(lead.brand_id) if lead.brand_id else None,
        "conversationId": str(lead.conversation_id) if lead.conversation_id else None,
        "createdAt": to_milliseconds(lead.created_at),
        "updatedAt": to_milliseconds(lead.updated_at),
    }


class LeadJson(serializers.Serializer[Any]):
    _id = serializers.UUIDField()
    name = serializers.CharField()
    email = serializers.CharField(allow_null=True)
    phone = serializers.CharField(allow_null=True)
    notes = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(Lead.Status.choices)
    brandId = serializers.UUIDField(allow_null=True)
    conversationId = serializers.UUIDField(allow_null=True)
    createdAt = EpochField()
    updatedAt = EpochField()


class LeadList(serializers.Serializer[Any]):
    leads = LeadJson(many=True)
    nextCursor = serializers.CharField(required=False)
    syncedAt = EpochField(help_text=SYNCED_AT)


class LeadCreated(serializers.Serializer[Any]):
    leadId = serializers.UUIDField()


class LeadQuery(PageQuery):
    status = serializers.ChoiceField(Lead.Status.choices, required=False)
    brandId = IdField(required=False)
    updatedSince = QueryMillisecondsField(required=False, help_text=UPDATED_SINCE)


class NewLead(StrictSerializer):
    name = StrictCharField(max_length=200)
    email = StrictEmailField(optional=True, max_length=254)
    phone = StrictCharField(optional=True, max_length=40)
    notes = StrictCharField(optional=True, max_length=MAX_NOTES_LENGTH)
    status = serializers.ChoiceField(Lead.Status.choices, default=Lead.Status.NEW)
    brandId = IdField(required=False, allow_null=True)
    conversationId = IdField(required=False, allow_null=True)


class LeadChange(PartialStrictSerializer):
    status = serializers.ChoiceField(Lead.Status.choices, required=False)
    notes = StrictCharField(optional=True, max_length=MAX_NOTES_LENGTH)
    name = StrictCharField(max_length=200, required=False)


# --- arguments of live functions ---


class LiveLeadQuery(StrictSerializer):
    status = serializers.ChoiceField(Lead.Status.choices, required=False)
    brandId = IdField(required=False)
    visitorId = IdField(required=False)
    limit = StrictIntegerField(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT)


class LiveNewLead(NewLead):
    unlessDuplicate = StrictBooleanField(default=False)


class LiveLeadChange(LeadChange):
    leadId = IdField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) < 2:
            raise serializers.ValidationError("Send at least one of: status, notes, name.")
        return attrs
