"""Strict serializers and fields: they reject unknown fields, convert no types, and name the field in each error."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.settings import api_settings

from praxtalk.core.api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from praxtalk.core.epoch import MAX_MILLISECONDS, from_milliseconds

MAX_CURSOR = 512
MAX_ID = 100
UPDATED_SINCE = "Changed at or after this time (ms since the epoch). Send the syncedAt of your previous sync"
SYNCED_AT = "Send it as updatedSince in your next sync to miss no change. It is the same on every page of one sync"


class StrictSerializer(serializers.Serializer[Any]):
    """Base for a request's body or query. It rejects unknown fields: a misspelt filter would silently return too many rows."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = [name for name in data if name not in self.fields] if isinstance(data, Mapping) else []
        if unknown:
            allowed = ", ".join(self.fields) or "none"
            raise serializers.ValidationError({unknown[0][:100]: f"Unknown field; allowed are: {allowed}."})
        return super().to_internal_value(data)


class PartialStrictSerializer(StrictSerializer):
    """Base for the body of a PATCH, which must hold at least one field."""

    def to_internal_value(self, data: Any) -> Any:
        if not data:
            message = f"Send at least one of: {', '.join(self.fields)}."
            raise serializers.ValidationError({api_settings.NON_FIELD_ERRORS_KEY: [message]})
        return super().to_internal_value(data)


class StrictCharField(serializers.CharField):
    """A JSON string, trimmed. Unlike CharField, it does not convert numbers to strings."""

    def __init__(self, *, optional: bool = False, **kwargs: Any) -> None:
        """optional: the field may be missing, null or empty; all three mean an empty string."""
        if optional:
            kwargs |= {"required": False, "allow_null": True, "allow_blank": True}
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        is_empty, value = super().validate_empty_values(data)
        return is_empty, "" if value is None else value


class StrictEmailField(StrictCharField, serializers.EmailField):
    """An e-mail address, as a trimmed JSON string."""


class IdField(StrictCharField):
    """The id of another row. An invalid UUID or an unknown id passes here and leads to 404 when the row is looked up."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_ID, **kwargs)


class StrictBooleanField(serializers.BooleanField):
    """JSON's true or false. BooleanField would also accept "yes" and 1."""

    def to_internal_value(self, data: Any) -> bool:
        if type(data) is not bool:
            self.fail("invalid", input=data)
        return data


class QueryIntegerField(serializers.IntegerField):
    """An integer in a query string. IntegerField would also accept 5.0, 1_0 and digits of other scripts."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, str) and not re.fullmatch(r"-?[0-9]{1,20}", data):
            self.fail("invalid")
        return super().to_internal_value(data)


class QueryMillisecondsField(QueryIntegerField):
    """A time in a query string: an integer number of milliseconds since the Unix epoch, converted to an aware datetime."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_value=MAX_MILLISECONDS, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        value = super().run_validation(data)
        return from_milliseconds(value) if isinstance(value, int) else value


class MillisecondsField(QueryMillisecondsField):
    """A time in a request body: like QueryMillisecondsField, but only as a JSON number, not as a string of digits."""

    def to_internal_value(self, data: Any) -> Any:
        if type(data) is not int:
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictIntegerField(serializers.IntegerField):
    """An integer in a request body, only as a JSON number. IntegerField would also accept "5" and 5.0."""

    def to_internal_value(self, data: Any) -> Any:
        if type(data) is not int:
            self.fail("invalid")
        return super().to_internal_value(data)


class PageQuery(StrictSerializer):
    """The query parameters that every list accepts."""

    limit = QueryIntegerField(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT)
    cursor = serializers.CharField(max_length=MAX_CURSOR, required=False, help_text="nextCursor of the previous page")


@extend_schema_serializer(component_name="Done")
class OkSerializer(serializers.Serializer[Any]):
    """The response {"ok": true} of calls that return no data."""

    ok = serializers.BooleanField()


class OpenChoiceField(serializers.CharField):
    """A response field that holds one of a set of values, which may grow.

    The OpenAPI document declares no enum for it: generated clients would reject values that are added later.
    """

    def __init__(self, values: Collection[str]) -> None:
        super().__init__(help_text=f"One of {', '.join(values)}; later versions may add others")


@extend_schema_field(OpenApiTypes.INT64)  # without it, generated clients use 32 bits
class EpochField(serializers.IntegerField):
    """A time in a response: milliseconds since the Unix epoch, UTC."""
