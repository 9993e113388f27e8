"""Serializers of what the browser sends to the widget's endpoints and live functions."""

from typing import Any

from rest_framework import serializers

from conversations.models import (
    MAX_BODY_LENGTH,
    MAX_EXTERNAL_ID_LENGTH,
    MAX_LOCALE_LENGTH,
    MAX_PAGE_URL_LENGTH,
    MAX_RATING_COMMENT_LENGTH,
    MAX_TIME_ZONE_LENGTH,
)
from praxtalk.core.api.serializers import (
    IdField,
    StrictBooleanField,
    StrictCharField,
    StrictEmailField,
    StrictIntegerField,
    StrictSerializer,
)
from praxtalk.core.validators import time_zones

# ruff: noqa: N815 - the field names are the keys of the JSON

MAX_HASH_LENGTH = 64
MAX_CODE_LENGTH = 1_000


class ClientIdField(serializers.UUIDField):
    """The browser's own id of a message: a UUID in its canonical form. UUIDField alone also accepts numbers and URNs."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or len(data) != 36:
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class PageField(StrictCharField):
    """The URL of the visitor's page. An invalid or too long one becomes "", so that it never rejects the visitor's message."""

    def to_internal_value(self, data: Any) -> str:
        text = data if isinstance(data, str) else ""
        is_valid = text.startswith(("http://", "https://")) and len(text) <= MAX_PAGE_URL_LENGTH and text.isprintable()
        return text if is_valid else ""


class ReferrerField(StrictCharField):
    """The URL of the page that linked to the visitor's page."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not text.startswith(("http://", "https://")) or not text.isprintable():
            self.fail("invalid")
        return text


class TimeZoneField(StrictCharField):
    """An IANA time zone such as "Asia/Tokyo". A zone that the server does not know becomes "": browsers may know newer ones."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        value = super().run_validation(data)
        return value if value in time_zones() else ""


class PersonDetails(StrictSerializer):
    name = StrictCharField(optional=True, max_length=200)
    email = StrictEmailField(optional=True, max_length=254)
    phone = StrictCharField(optional=True, max_length=40)


class Identity(PersonDetails):
    id = StrictCharField(max_length=MAX_EXTERNAL_ID_LENGTH)
    hash = StrictCharField(max_length=MAX_HASH_LENGTH)


class NewConversation(PersonDetails):
    widgetId = IdField()
    message = StrictCharField(max_length=MAX_BODY_LENGTH)
    page = PageField(optional=True)
    locale = StrictCharField(optional=True, max_length=MAX_LOCALE_LENGTH)
    clientId = ClientIdField()
    website = StrictCharField(optional=True, max_length=MAX_BODY_LENGTH)  # a honeypot: people do not see this field
    identity = Identity(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("website"):
            raise serializers.ValidationError({"website": "Leave this field empty."})
        if not attrs.get("identity"):
            missing = [name for name in ("name", "email") if not attrs.get(name)]
            if missing:
                errors = {name: [serializers.ErrorDetail("This field is required.", "required")] for name in missing}
                raise serializers.ValidationError(errors)
        return attrs


class IdentifyRequest(Identity):
    widgetId = IdField()


class NewVisitorMessage(StrictSerializer):
    widgetId = IdField()
    body = StrictCharField(max_length=MAX_BODY_LENGTH)
    clientId = ClientIdField()


class NewVisitorFile(NewVisitorMessage):
    body = StrictCharField(optional=True, max_length=MAX_BODY_LENGTH)
    file = serializers.FileField()


class HistoryQuery(StrictSerializer):
    widgetId = IdField()
    before = IdField(required=False)


class ConfigurationQuery(StrictSerializer):
    id = IdField()
    locale = serializers.CharField(required=False, max_length=MAX_LOCALE_LENGTH)


class MagicLinkCode(StrictSerializer):
    widgetId = IdField()
    code = StrictCharField(max_length=MAX_CODE_LENGTH)


class WidgetArguments(StrictSerializer):
    widgetId = IdField()


class MarkReadArguments(WidgetArguments):
    typing = StrictBooleanField(default=False)
    seenId = IdField(required=False)


class RateArguments(WidgetArguments):
    conversationId = IdField(required=False)
    rating = StrictIntegerField(min_value=1, max_value=5)
    comment = StrictCharField(optional=True, max_length=MAX_RATING_COMMENT_LENGTH)


class SetContextArguments(WidgetArguments):
    referrer = ReferrerField(optional=True, max_length=MAX_PAGE_URL_LENGTH)
    timeZone = TimeZoneField(optional=True, max_length=MAX_TIME_ZONE_LENGTH)
