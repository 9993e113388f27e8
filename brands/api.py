"""/api/v1/ping, /api/v1/brands, /api/v1/operator-sessions"""

from datetime import timedelta

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from brands.models import Brand, Operator, OperatorSession
from brands.operator_tokens import mint, revoke
from brands.serializers import BrandList, NewSession, Pong, SessionOpened, brand_json
from praxtalk.core.api.errors import Invalid, NotHere
from praxtalk.core.api.idempotency import idempotent
from praxtalk.core.api.pagination import Keyset
from praxtalk.core.api.permissions import WholeWorkspace, WriteScope
from praxtalk.core.api.serializers import Done, Page, Shape
from praxtalk.core.api.view import ApiView
from praxtalk.core.db.ids import parse_id
from praxtalk.core.epoch import to_milliseconds

OLDEST_FIRST = Keyset("brands", ("id",), lambda brand: [str(brand.pk)])


class Ping(ApiView):
    @extend_schema(operation_id="ping", summary="Check a key", tags=["Health"], responses=Pong)
    def get(self, request: Request) -> Response:
        self.parameters(Shape)
        return Response({"ok": True, "workspaceId": str(self.key.workspace_id)})


class Brands(ApiView):
    @extend_schema(
        operation_id="listBrands", summary="List brands", tags=["Brands"], parameters=[Page], responses=BrandList
    )
    def get(self, request: Request) -> Response:
        query = self.parameters(Page)
        rows = self.in_scope(Brand.objects.all(), brand_field="pk")
        return self.page_of(OLDEST_FIRST, rows, query, name="brands", as_json=brand_json)


class OperatorSessions(ApiView):
    permission_classes = (WriteScope, WholeWorkspace)

    @extend_schema(
        operation_id="openOperatorSession",
        summary="Mint an operator token for live queries",
        tags=["Operator sessions"],
        request=NewSession,
        responses={201: SessionOpened},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        body = self.body(NewSession)
        operator = Operator.objects.filter(
            workspace_id=self.key.workspace_id, email__iexact=body["email"], is_active=True
        ).first()
        if operator is None:
            raise Invalid("email: no active operator of this workspace has it.")
        token, session = mint(operator, lifetime=timedelta(seconds=body["expiresIn"]))
        opened = {"token": token, "sessionId": str(session.pk), "expiresAt": to_milliseconds(session.expires_at)}
        location = f"/api/v1/operator-sessions/{session.pk}"
        return Response(opened, status=201, headers={"Location": location})


class OperatorSessionById(ApiView):
    permission_classes = (WriteScope, WholeWorkspace)

    @extend_schema(
        operation_id="endOperatorSession",
        summary="Refuse an operator token from now on",
        tags=["Operator sessions"],
        responses={200: Done},
    )
    def delete(self, request: Request, id: str) -> Response:
        self.nothing()
        sessions = OperatorSession.objects.filter(workspace_id=self.key.workspace_id).select_related("operator")
        session_id = parse_id(id)
        session = sessions.filter(pk=session_id).first() if session_id else None
        if session is None:
            raise NotHere()
        revoke(session)
        return Response({"ok": True})


def brand_in_scope(view: ApiView, brand_id: str | None) -> Brand | None:
    """The brand that a call names, None for none. Raises NotHere (404) and OtherBrand (403)."""
    return view.get_in_scope(Brand.objects.all(), brand_id, brand_field="pk") if brand_id else None
