"""Serializers of brands."""

from typing import Any

from rest_framework import serializers

from brands.models import Brand
from praxtalk.core.api.serializers import EpochField
from praxtalk.core.epoch import to_milliseconds


def brand_json(brand: Brand) -> dict[str, Any]:
    """Return the brand in the shape that BrandJson declares."""
    return {
        "_id": str(brand.pk),
        "slug": brand.slug,
        "name": brand.name,
        "primaryColor": brand.primary_color,
        "widgetId": brand.widget_id,
        "createdAt": to_milliseconds(brand.created_at),
    }


class BrandJson(serializers.Serializer[Any]):
    _id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    primaryColor = serializers.CharField(help_text="#rrggbb")  # noqa: N815 - a JSON key
    widgetId = serializers.CharField(help_text="ws_...")  # noqa: N815
    createdAt = EpochField()  # noqa: N815


class BrandList(serializers.Serializer[Any]):
    brands = BrandJson(many=True)
    nextCursor = serializers.CharField(required=False)  # noqa: N815
