"""REST endpoints /api/v1/ping and /api/v1/operator-sessions."""

from datetime import timedelta

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.actions.operator_tokens import issue_token, revoke_token
from accounts.models import Operator, OperatorSession
from accounts.serializers import NewSession, PingSerializer, SessionOpened
from praxtalk.core.api.errors import UnprocessableEntity
from praxtalk.core.api.idempotency import idempotent
from praxtalk.core.api.permissions import WholeWorkspace, WriteScope
from praxtalk.core.api.serializers import OkSerializer, StrictSerializer
from praxtalk.core.api.view import ApiView
from praxtalk.core.epoch import to_milliseconds


class Ping(ApiView):
    @extend_schema(operation_id="ping", summary="Check an API key", tags=["Health"], responses=PingSerializer)
    def get(self, request: Request) -> Response:
        self.parameters(StrictSerializer)
        return Response({"ok": True, "workspaceId": str(self.key.workspace_id)})


class OperatorSessions(ApiView):
    permission_classes = (WriteScope, WholeWorkspace)

    @extend_schema(
        operation_id="openOperatorSession",
        summary="Create an operator token for live queries",
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
            raise UnprocessableEntity("email: no active operator of this workspace has this e-mail address.")
        token, session = issue_token(operator, lifetime=timedelta(seconds=body["expiresIn"]))
        opened = {"token": token, "sessionId": str(session.pk), "expiresAt": to_milliseconds(session.expires_at)}
        location = f"/api/v1/operator-sessions/{session.pk}"
        return Response(opened, status=201, headers={"Location": location})


class OperatorSessionById(ApiView):
    permission_classes = (WriteScope, WholeWorkspace)

    @extend_schema(
        operation_id="endOperatorSession",
        summary="Revoke an operator token",
        tags=["Operator sessions"],
        responses={200: OkSerializer},
    )
    def delete(self, request: Request, id: str) -> Response:
        self.validate_empty_body()
        revoke_token(self.get_in_scope(OperatorSession.objects.select_related("operator"), id))
        return Response({"ok": True})
