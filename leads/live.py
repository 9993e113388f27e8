"""Live functions for leads, with the same rows, actions and JSON as the REST API."""

from typing import Any

from accounts.operator_tokens import OperatorCaller, operators
from brands.live import brand_in_scope
from conversations.models import Conversation
from leads import actions
from leads.models import LEADS, Lead
from leads.serializers import LiveLeadChange, LiveLeadQuery, LiveNewLead, lead_json
from praxtalk.core.db.ids import parse_id
from praxtalk.core.live.functions import Arguments, mutation, query
from praxtalk.core.live.results import Code, FunctionError


def _topics(caller: OperatorCaller, arguments: Arguments) -> list[str]:
    return caller.scope.topics(LEADS, parse_id(arguments.get("brandId") or ""))


@query("leads:list", authenticator=operators, serializer_class=LiveLeadQuery, topics=_topics)
def list_leads(caller: OperatorCaller, arguments: Arguments) -> list[dict[str, Any]]:
    rows = caller.scope.rows(Lead.objects.all())
    if brand := brand_in_scope(caller, arguments.get("brandId")):
        rows = rows.filter(brand_id=brand.pk)
    if visitor_id := arguments.get("visitorId"):
        rows = rows.filter(conversation__visitor_id__in=[pk] if (pk := parse_id(visitor_id)) else [])
    if "status" in arguments:
        rows = rows.filter(status=arguments["status"])
    return [lead_json(lead) for lead in rows.order_by("-created_at", "-id")[: arguments["limit"]]]


@mutation("leads:create", authenticator=operators, serializer_class=LiveNewLead)
def create_lead(caller: OperatorCaller, arguments: Arguments) -> dict[str, str]:
    """Create a lead. With `unlessDuplicate`, it is refused if the operator sees a lead that has this e-mail address already.

    The refusal is an error and not a result, because results are stored, and erasures do not reach them.
    """
    brand = brand_in_scope(caller, arguments.pop("brandId", None))
    conversation_id = arguments.pop("conversationId", None)
    conversation = caller.get_in_scope(Conversation.objects.all(), conversation_id) if conversation_id else None
    if caller.scope.brand_ids is not None and brand is None and conversation is None:
        raise FunctionError(Code.INVALID, "brandId: required, because you do not have access to all brands.")
    if arguments.pop("unlessDuplicate"):
        same = caller.scope.rows(Lead.objects.with_email(arguments.get("email", ""))).order_by("-created_at", "-id")
        if duplicate := same.first():
            message = f"There is already a lead with this e-mail: {duplicate.name}."
            more = {"duplicateOf": {"_id": str(duplicate.pk), "name": duplicate.name}}
            raise FunctionError(Code.CONFLICT, message, more=more)
    try:
        lead = actions.create_lead(caller.workspace_id, brand=brand, conversation=conversation, **arguments)
    except actions.BrandMismatch as error:
        raise FunctionError(Code.INVALID, f"conversationId: {error}.") from error
    except Conversation.DoesNotExist as error:
        raise FunctionError(Code.NOT_FOUND, "No such conversation.") from error
    return {"leadId": str(lead.pk)}


@mutation("leads:update", authenticator=operators, serializer_class=LiveLeadChange)
def update_lead(caller: OperatorCaller, arguments: Arguments) -> dict[str, bool]:
    actions.update_lead(caller.get_in_scope(Lead.objects.all(), arguments.pop("leadId")), **arguments)
    return {"ok": True}
