"""The webhooks section of the OpenAPI document."""

from drf_spectacular.utils import OpenApiResponse, OpenApiWebhook, extend_schema

from integrations.models import EventName
from integrations.serializers.events import EventJson


def _webhook(name: EventName, summary: str) -> OpenApiWebhook:
    answer = OpenApiResponse(description="Anything but a 2xx within 15 s is tried again")
    described = extend_schema(
        operation_id=f"on {name.value}",
        summary=summary,
        tags=["Webhooks"],
        request=EventJson,
        responses={"2XX": answer},
    )
    return OpenApiWebhook(name=name.value, decorator=described)


# Named one by one, because the setting SPECTACULAR_SETTINGS["WEBHOOKS"] names them so.
CONVERSATION_CREATED = _webhook(EventName.CONVERSATION_CREATED, "A visitor wrote for the first time: {conversation}")
CONVERSATION_STATUS_CHANGED = _webhook(EventName.CONVERSATION_STATUS_CHANGED, "{conversation, previousStatus}")
MESSAGE_CREATED = _webhook(EventName.MESSAGE_CREATED, "A visitor, an operator or Atlas wrote: {message, conversation}")
LEAD_CREATED = _webhook(EventName.LEAD_CREATED, "{lead}")
LEAD_STATUS_CHANGED = _webhook(EventName.LEAD_STATUS_CHANGED, "{lead, previousStatus}")
