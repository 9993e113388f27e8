"""Live functions about the calling operator, and about the state of the server."""

from typing import Any

from accounts.actions.preferences import DEFAULTS, preferences_of, update_preferences
from accounts.models import Operator
from accounts.operator_tokens import OperatorCaller, operator_topic, operators
from praxtalk.core.api.serializers import PartialStrictSerializer, StrictBooleanField, StrictSerializer
from praxtalk.core.live.functions import Arguments, mutation, query
from praxtalk.core.live.hub import is_connected
from praxtalk.core.live.pubsub import PUBSUB_STATUS


def _own_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    return [operator_topic(caller.operator_id)]


@query("operators:me", authenticator=operators, serializer_class=StrictSerializer, topics=_own_topics, personal=True)
def show_me(caller: OperatorCaller, arguments: Arguments) -> dict[str, Any]:
    operator = _self(caller)
    return {
        "_id": str(operator.pk),
        "name": operator.name,
        "role": operator.role,
        "preferences": preferences_of(operator),
    }


class Preferences(PartialStrictSerializer):
    """Any of the preferences in `accounts.actions.preferences.DEFAULTS`."""

    def get_fields(self) -> dict[str, Any]:
        return {name: StrictBooleanField(required=False) for name in DEFAULTS}


@mutation("operators:prefer", authenticator=operators, serializer_class=Preferences)
def change_preferences(caller: OperatorCaller, arguments: Arguments) -> dict[str, bool]:
    return update_preferences(_self(caller), **arguments)


def _pubsub_status_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    return [PUBSUB_STATUS]


@query("server:state", authenticator=operators, serializer_class=StrictSerializer, topics=_pubsub_status_topics)
def show_state(caller: OperatorCaller, arguments: Arguments) -> dict[str, bool]:
    """Return `late`: whether Valkey is unreachable, so that changes by others are shown within a minute instead of at once."""
    return {"late": not is_connected()}


def _self(caller: OperatorCaller) -> Operator:
    operator: Operator = Operator.objects.get(workspace_id=caller.workspace_id, pk=caller.operator_id)
    return operator
