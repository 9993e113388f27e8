"""A model field for a list of values."""

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField


class ListField(ArrayField):  # type: ignore[type-arg]
    """An ArrayField whose errors name the invalid item in plain words. Migrations refer to Django's own field."""

    default_error_messages: ClassVar[dict[str, Any]] = {"item_invalid": "Item %(nth)s:"}

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.contrib.postgres.fields.ArrayField", args, kwargs
