"""Authenticate requests with API keys. The setting REST_FRAMEWORK refers to this module; no other module imports it."""

import re
from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.audit import set_actor_name
from integrations.actions.api_keys import digest, is_well_formed
from integrations.models import ApiKey
from praxtalk.core.db.compiled_queries import compiled

LAST_USED_INTERVAL = timedelta(minutes=1)
BEARER = re.compile(r"bearer +(\S+)", re.IGNORECASE)


@compiled()
def _keys(digest: Any) -> QuerySet[ApiKey, ApiKey]:
    """Return the key with this digest, or no rows."""
    return ApiKey.objects.filter(digest=digest)


class ApiKeyAuthentication(BaseAuthentication):
    """Authentication by `Authorization: Bearer ptk_live_...`.

    The key is queried for every request, without a cache, so a revocation takes effect immediately.
    """

    def authenticate(self, request: Request) -> tuple[None, ApiKey] | None:
        """Return (None, key), or None if the request has no Authorization header.

        Raises AuthenticationFailed (401) if the key is malformed, unknown, revoked or expired.
        """
        header = request.META.get("HTTP_AUTHORIZATION")
        if not header:
            return None
        match = BEARER.fullmatch(header)
        if match is None or not is_well_formed(match[1]):
            raise AuthenticationFailed(
                "Malformed API key. Send it as Authorization: Bearer ptk_live_...", "malformed_key"
            )
        key = next(iter(_keys(digest=digest(match[1]))), None)
        now = timezone.now()
        if key is None:
            raise AuthenticationFailed("Unknown API key.", "unknown_key")
        if key.revoked_at is not None:
            raise AuthenticationFailed("This API key has been revoked.", "revoked_key")
        if not key.is_valid_at(now):
            raise AuthenticationFailed("This API key has expired.", "expired_key")
        if key.last_used_at is None or now - key.last_used_at >= LAST_USED_INTERVAL:
            unused_since = Q(last_used_at__isnull=True) | Q(last_used_at__lte=now - LAST_USED_INTERVAL)
            ApiKey.objects.filter(unused_since, pk=key.pk).update(last_used_at=now)
        set_actor_name(f"API key {key}", short_name=key.name)
        return None, key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describe API keys in the OpenAPI document."""

    target_class = "integrations.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key (ptk_live_...), created in the dashboard or with create_key",
        }
