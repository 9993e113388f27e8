"""Live queries about brands and operators, and about the server that answers them."""

from collections import defaultdict
from typing import Any
from uuid import UUID

from django.db.models import Q

from brands.models import Brand, Operator, OperatorBrand
from brands.operator_tokens import OperatorCaller, operator_topic, operators
from brands.preferences import DEFAULTS, prefer, preferences_of
from brands.serializers import brand_json
from brands.team import team_topic
from praxtalk.core.api.pagination import MAX_LIMIT
from praxtalk.core.api.serializers import Flag, Id, PartialShape, Shape
from praxtalk.core.live.functions import mutation, query
from praxtalk.core.live.hub import is_hearing
from praxtalk.core.live.pubsub import HEARING

Arguments = dict[str, Any]
MAX_OPERATORS = 500


def _topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    return caller.scope.topics("brands")


@query("brands:list", door=operators, shape=Shape, topics=_topics)
def list_brands(caller: OperatorCaller, arguments: Arguments) -> list[dict[str, Any]]:
    rows = caller.scope.rows(Brand.objects.all(), brand_field="pk")
    return [brand_json(brand) for brand in rows.order_by("pk")[:MAX_LIMIT]]


def brand_in_scope(caller: OperatorCaller, brand_id: str | None) -> Brand | None:
    """The brand that a call names, None for none. Raises Refused."""
    return caller.get_in_scope(Brand.objects.all(), brand_id, brand_field="pk") if brand_id else None


class OperatorsQuery(Shape):
    brandId = Id(required=False)  # noqa: N815 - JSON's name


def _team_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    return [team_topic(caller.workspace_id)]


@query("operators:list", door=operators, shape=OperatorsQuery, topics=_team_topics)
def list_operators(caller: OperatorCaller, arguments: Arguments) -> list[dict[str, Any]]:
    """Who can be given a conversation: the active ones who see the brand, or any brand that the caller sees. `brandIds` are those
    that both see; None for all of them."""
    rows = Operator.objects.filter(workspace_id=caller.workspace_id, is_active=True)
    if brand := brand_in_scope(caller, arguments.get("brandId")):
        rows = rows.filter(Q(sees_all_brands=True) | Q(brands=brand))
    elif caller.scope.brand_ids is not None:
        rows = rows.filter(Q(sees_all_brands=True) | Q(brands__in=caller.scope.brand_ids))
    people = list(rows.order_by("name", "pk").values_list("pk", "name", "sees_all_brands").distinct()[:MAX_OPERATORS])
    limited = OperatorBrand.objects.filter(operator_id__in=[pk for pk, _, sees_all in people if not sees_all])
    seen = defaultdict[UUID, list[str]](list)
    for pk, brand_id in caller.scope.rows(limited).order_by("brand_id").values_list("operator_id", "brand_id"):
        seen[pk].append(str(brand_id))
    return [{"_id": str(pk), "name": name, "brandIds": None if sees_all else seen[pk]} for pk, name, sees_all in people]


def _own_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    return [operator_topic(caller.operator_id)]


@query("operators:me", door=operators, shape=Shape, topics=_own_topics, personal=True)
def show_me(caller: OperatorCaller, arguments: Arguments) -> dict[str, Any]:
    operator = _self(caller)
    return {
        "_id": str(operator.pk),
        "name": operator.name,
        "role": operator.role,
        "preferences": preferences_of(operator),
    }


class Preferences(PartialShape):
    """Any of brands.preferences.DEFAULTS."""

    def get_fields(self) -> dict[str, Any]:
        return {name: Flag(required=False) for name in DEFAULTS}


@mutation("operators:prefer", door=operators, shape=Preferences)
def change_preferences(caller: OperatorCaller, arguments: Arguments) -> dict[str, bool]:
    return prefer(_self(caller), **arguments)


def _hearing_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    return [HEARING]


@query("server:state", door=operators, shape=Shape, topics=_hearing_topics)
def show_state(caller: OperatorCaller, arguments: Arguments) -> dict[str, bool]:
    """late: without Valkey, what others change is shown within a minute instead of at once."""
    return {"late": not is_hearing()}


def _self(caller: OperatorCaller) -> Operator:
    operator: Operator = Operator.objects.get(workspace_id=caller.workspace_id, pk=caller.operator_id)
    return operator
