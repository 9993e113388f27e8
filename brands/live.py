"""Live queries about brands and the operators who see them."""

from collections import defaultdict
from typing import Any
from uuid import UUID

from django.db.models import Q

from accounts.actions.team import team_topic
from accounts.models import Operator
from accounts.operator_tokens import OperatorCaller, operators
from brands.models import Brand, OperatorBrand
from brands.serializers import brand_json
from praxtalk.core.api.pagination import MAX_LIMIT
from praxtalk.core.api.serializers import IdField, StrictSerializer
from praxtalk.core.live.functions import Arguments, query

MAX_OPERATORS = 500


def _topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    return caller.scope.topics("brands")


@query("brands:list", authenticator=operators, serializer_class=StrictSerializer, topics=_topics)
def list_brands(caller: OperatorCaller, arguments: Arguments) -> list[dict[str, Any]]:
    rows = caller.scope.rows(Brand.objects.all(), brand_field="pk")
    return [brand_json(brand) for brand in rows.order_by("pk")[:MAX_LIMIT]]


def brand_in_scope(caller: OperatorCaller, brand_id: str | None) -> Brand | None:
    """Return the brand with this id, None without an id. Raises FunctionError."""
    return caller.get_in_scope(Brand.objects.all(), brand_id, brand_field="pk") if brand_id else None


class OperatorsQuery(StrictSerializer):
    brandId = IdField(required=False)  # noqa: N815 - a JSON key


def _team_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    return [team_topic(caller.workspace_id)]


@query("operators:list", authenticator=operators, serializer_class=OperatorsQuery, topics=_team_topics)
def list_operators(caller: OperatorCaller, arguments: Arguments) -> list[dict[str, Any]]:
    """Return the operators to whom a conversation can be assigned: active ones who see the brand.

    Without a brand, return the active ones who see any brand that the caller sees. `brandIds` are the brands that both see; None
    if the operator sees all brands.
    """
    rows = Operator.objects.filter(workspace_id=caller.workspace_id, is_active=True)
    if brand := brand_in_scope(caller, arguments.get("brandId")):
        rows = rows.filter(Q(sees_all_brands=True) | Q(brands=brand))
    elif caller.scope.brand_ids is not None:
        rows = rows.filter(Q(sees_all_brands=True) | Q(brands__in=caller.scope.brand_ids))
    values = list(rows.order_by("name", "pk").values_list("pk", "name", "sees_all_brands").distinct()[:MAX_OPERATORS])
    links = OperatorBrand.objects.filter(operator_id__in=[pk for pk, _, sees_all in values if not sees_all])
    brand_ids = defaultdict[UUID, list[str]](list)
    for pk, brand_id in caller.scope.rows(links).order_by("brand_id").values_list("operator_id", "brand_id"):
        brand_ids[pk].append(str(brand_id))
    return [
        {"_id": str(pk), "name": name, "brandIds": None if sees_all else brand_ids[pk]} for pk, name, sees_all in values
    ]
