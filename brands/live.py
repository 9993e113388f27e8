"""Live queries about brands."""

from typing import Any

from brands.models import Brand
from brands.operator_tokens import OperatorCaller, operators
from brands.serializers import brand_json
from praxtalk.api.pagination import MAX_LIMIT
from praxtalk.api.serializers import Shape
from praxtalk.live.functions import query


def _topics(caller: OperatorCaller, arguments: dict[str, Any]) -> list[str]:
    return caller.scope.topics("brands")


@query("brands:list", door=operators, shape=Shape, topics=_topics)
def list_brands(caller: OperatorCaller, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    rows = caller.scope.rows(Brand.objects.all(), brand_field="pk")
    return [brand_json(brand) for brand in rows.order_by("pk")[:MAX_LIMIT]]


def brand_in_scope(caller: OperatorCaller, brand_id: str | None) -> Brand | None:
    """The brand that a call names, None for none. Raises Refused."""
    return caller.get_in_scope(Brand.objects.all(), brand_id, brand_field="pk") if brand_id else None
