"""Live functions for the tags of the workspace."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.operator_tokens import OperatorCaller, operators
from conversations import actions
from conversations.inbox_json import tag_json
from conversations.live.arguments import CreateTagArguments
from conversations.models import Tag
from praxtalk.core.api.serializers import StrictSerializer
from praxtalk.core.live.functions import Arguments, mutation, query
from praxtalk.core.live.results import Code, FunctionError

MAX_TAGS_LISTED = 500


def _tag_topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    return [Tag.topic(caller.workspace_id)]


@query("tags:list", authenticator=operators, serializer_class=StrictSerializer, topics=_tag_topics)
def list_tags(caller: OperatorCaller, arguments: Arguments) -> list[dict[str, Any]]:
    rows = Tag.objects.filter(workspace_id=caller.workspace_id).order_by("name", "pk")
    return [tag_json(tag) for tag in rows[:MAX_TAGS_LISTED]]


@mutation("tags:create", authenticator=operators, serializer_class=CreateTagArguments)
def create_tag(caller: OperatorCaller, arguments: Arguments) -> dict[str, str]:
    """Return the id of the tag with this name, ignoring case. Create the tag if there is none."""
    same = Tag.objects.filter(workspace_id=caller.workspace_id, name__iexact=arguments["name"])
    tag = same.first()
    if tag is None:
        try:
            with transaction.atomic():  # a savepoint, to continue after an error
                tag = actions.create_tag(caller.workspace_id, name=arguments["name"])
        except (ValidationError, IntegrityError) as error:
            tag = same.first()  # created by a concurrent call
            if tag is None:
                reason = error.messages[0] if isinstance(error, ValidationError) else "This name cannot be used."
                raise FunctionError(Code.INVALID, f"name: {reason}") from error
    return {"tagId": str(tag.pk)}
