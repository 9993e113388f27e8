"""Serializers of the ping endpoint and of operator sessions."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from praxtalk.core.api.serializers import EpochField, StrictEmailField, StrictIntegerField, StrictSerializer


@extend_schema_serializer(component_name="Pong")
class PingSerializer(serializers.Serializer[Any]):
    ok = serializers.BooleanField()
    workspaceId = serializers.UUIDField()  # noqa: N815


class SessionOpened(serializers.Serializer[Any]):
    token = serializers.CharField(help_text="The operator token. It is returned only once.")
    sessionId = serializers.UUIDField()  # noqa: N815
    expiresAt = EpochField()  # noqa: N815


class NewSession(StrictSerializer):
    email = StrictEmailField(max_length=254)
    expiresIn = StrictIntegerField(min_value=60, max_value=12 * 3600, default=12 * 3600)  # noqa: N815
