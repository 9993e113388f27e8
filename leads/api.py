"""REST endpoints: /api/v1/leads."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from brands.api import brand_in_scope
from conversations.actions import lock_conversation
from leads import actions
from leads.models import Lead
from leads.serializers import LeadChange, LeadCreated, LeadList, LeadQuery, NewLead, lead_json
from praxtalk.core.api.errors import UnprocessableEntity
from praxtalk.core.api.idempotency import idempotent
from praxtalk.core.api.pagination import Keyset
from praxtalk.core.api.serializers import OkSerializer
from praxtalk.core.api.view import ApiView
from praxtalk.core.db.transactions import joined_transaction

NEWEST_FIRST = Keyset(
    "leads",
    ("-created_at", "-id"),
    lambda lead: [lead.created_at.isoformat(), str(lead.pk)],
    supports_updated_since=True,
)


class Leads(ApiView):
    @extend_schema(
        operation_id="listLeads",
        summary="List leads, newest first",
        tags=["Leads"],
        parameters=[LeadQuery],
        responses=LeadList,
    )
    def get(self, request: Request) -> Response:
        query = self.parameters(LeadQuery)
        rows = self.in_scope(Lead.objects.all())
        if brand := brand_in_scope(self, query.get("brandId")):
            rows = rows.filter(brand_id=brand.pk)
        if "status" in query:
            rows = rows.filter(status=query["status"])
        if "updatedSince" in query:
            rows = rows.filter(updated_at__gte=query["updatedSince"])
        return self.paginated_response(NEWEST_FIRST, rows, query, name="leads", as_json=lead_json)

    @extend_schema(
        operation_id="createLead",
        summary="Create a lead",
        tags=["Leads"],
        request=NewLead,
        responses={201: LeadCreated},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        body = self.body(NewLead)
        brand_id, conversation_id = body.pop("brandId", None), body.pop("conversationId", None)
        brand = brand_in_scope(self, brand_id or (str(self.key.brand_id) if self.key.brand_id else None))
        conversation = self.lock_in_scope(lock_conversation, conversation_id) if conversation_id else None
        try:
            lead = actions.create_lead(self.key.workspace_id, brand=brand, conversation=conversation, **body)
        except actions.BrandMismatch as error:
            raise UnprocessableEntity(f"conversationId: {error}.") from error
        return Response({"leadId": str(lead.pk)}, status=201, headers={"Location": "/api/v1/leads"})


class LeadById(ApiView):
    @extend_schema(
        operation_id="updateLead", summary="Change a lead", tags=["Leads"], request=LeadChange, responses=OkSerializer
    )
    def patch(self, request: Request, id: str) -> Response:
        with joined_transaction():
            lead = self.lock_in_scope(actions.lock_lead, id)
            actions.update_lead(lead, **self.body(LeadChange))
        return Response({"ok": True})
