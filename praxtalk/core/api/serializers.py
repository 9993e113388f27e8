"""Shapes that come in: nothing unknown, nothing coerced, every complaint naming its field."""

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
UPDATED_SINCE = (
    "Changed at or after this time (ms since the epoch). To catch up, send the syncedAt of your last reading"
)
SYNCED_AT = "Send it as updatedSince the next time: no change is missed. The same on every page of one reading"


class StrictSerializer(serializers.Serializer[Any]):
    """A request's body or query: an unknown field is refused, which catches the typing error that would silently widen a list."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = [name for name in data if name not in self.fields] if isinstance(data, Mapping) else []
        if unknown:
            allowed = ", ".join(self.fields) or "none"
            raise serializers.ValidationError({unknown[0][:100]: f"Unknown field; allowed are: {allowed}."})
        return super().to_internal_value(data)


class PartialStrictSerializer(StrictSerializer):
    """A PATCH's body: any of its fields, at least one."""

    def to_internal_value(self, data: Any) -> Any:
        if not data:
            sentence = f"Send at least one of: {', '.join(self.fields)}."
            raise serializers.ValidationError({api_settings.NON_FIELD_ERRORS_KEY: [sentence]})
        return super().to_internal_value(data)


class Text(serializers.CharField):
    """A JSON string, trimmed; numbers and booleans are not turned into strings."""

    def __init__(self, *, optional: bool = False, **kwargs: Any) -> None:
        """optional: may be left out, null or empty; all three mean empty."""
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


class Email(Text, serializers.EmailField):
    """An e-mail address."""


class Id(Text):
    """The id of another row. One that is no UUID, or nobody's, is a 404 where the row is looked up."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_ID, **kwargs)


class StrictBooleanField(serializers.BooleanField):
    """JSON's true or false, where BooleanField would take "yes" and 1 too."""

    def to_internal_value(self, data: Any) -> bool:
        if type(data) is not bool:
            self.fail("invalid", input=data)
        return data


class WholeNumber(serializers.IntegerField):
    """A number in a query: plain digits, where IntegerField would take 5.0, 1_0 and digits of other scripts too."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, str) and not re.fullmatch(r"-?[0-9]{1,20}", data):
            self.fail("invalid")
        return super().to_internal_value(data)


class MillisecondsParameter(WholeNumber):
    """A time in a query: whole milliseconds since the Unix epoch. Becomes an aware datetime."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_value=MAX_MILLISECONDS, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        value = super().run_validation(data)
        return from_milliseconds(value) if isinstance(value, int) else value


class Milliseconds(MillisecondsParameter):
    """A time in a body: a JSON number, not a string of digits."""

    def to_internal_value(self, data: Any) -> Any:
        if type(data) is not int:
            self.fail("invalid")
        return super().to_internal_value(data)


class Integer(serializers.IntegerField):
    """A whole number in a body: a JSON number, where IntegerField would take "5" and 5.0 too."""

    def to_internal_value(self, data: Any) -> Any:
        if type(data) is not int:
            self.fail("invalid")
        return super().to_internal_value(data)


class Page(StrictSerializer):
    """The query of every list."""

    limit = WholeNumber(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT)
    cursor = serializers.CharField(max_length=MAX_CURSOR, required=False, help_text="nextCursor of the page before")


@extend_schema_serializer(component_name="Done")
class OkSerializer(serializers.Serializer[Any]):
    """{"ok": true}"""

    ok = serializers.BooleanField()


class GrowingChoice(serializers.CharField):
    """Of an answer: one of these values now. No enum in the OpenAPI document: a generated client would refuse a later one."""

    def __init__(self, values: Collection[str]) -> None:
        super().__init__(help_text=f"One of {', '.join(values)}; later versions may add others")


@extend_schema_field(OpenApiTypes.INT64)  # without it generators take 32 bits
class EpochField(serializers.IntegerField):
    """Of an answer: milliseconds since the Unix epoch, UTC."""
