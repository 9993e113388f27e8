"""Operator tokens: JWTs (RFC 7519, HS256) with which an operator's browser or a page of a CRM uses live queries.

They are JWTs so that the public clients (npm and PyPI `convex`) read `iat` and `exp` themselves and fetch a new token in time
(`setAuth`). Each token has a row in the database, so that it can be revoked. Operator tokens are valid for live queries only, as
API keys are for REST only.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import jwt
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone

from accounts.audit import Actor, audit_actor
from accounts.models import Operator, OperatorSession
from accounts.scope import Row, Scope, scope_of
from praxtalk.core.jwt_signer import JwtSigner
from praxtalk.core.live.results import Code, FunctionError

SIGNER = JwtSigner("operator", audience="sync", required=("sub", "ws", "sid", "exp"))
MAX_LIFETIME = timedelta(hours=12)
INVALID_TOKEN_MESSAGE = "Session expired or invalid. Sign in again."  # noqa: S105 - not a secret


@dataclass(frozen=True)
class OperatorCaller:
    """An operator who calls live functions. Callers that compare equal get the same results."""

    operator_id: UUID
    session_id: UUID
    scope: Scope
    role: str
    source: str
    expires_at: datetime

    @property
    def workspace_id(self) -> UUID:
        return self.scope.workspace_id

    @property
    def principal_id(self) -> str:
        return _principal_id(self.operator_id)

    @property
    def session(self) -> str:
        return str(self.session_id)

    def audit_actor(self) -> AbstractContextManager[None]:
        """Return a context in which everything is recorded as done by this operator."""
        return audit_actor(self._as_actor)

    def _as_actor(self) -> Actor:
        name = Operator.objects.filter(pk=self.operator_id).values_list("name", flat=True).first()
        return Actor(name or "", self.operator_id)

    def get_in_scope(self, rows: QuerySet[Row, Row], row_id: str, *, brand_field: str | None = "brand_id") -> Row:
        """Return the row with this id. Raises FunctionError if it does not exist, or if the operator may not see it."""
        try:
            return self.scope.get(rows, row_id, brand_field=brand_field)
        except Http404 as error:
            raise FunctionError(Code.NOT_FOUND, str(error)) from error


class OperatorTokenAuthenticator:
    """Authenticate operator tokens. Every live function for operators uses it."""

    argument = "sessionToken"

    def topics(self, token: str) -> tuple[str, ...]:
        """Return the topics that are published when the result of `authenticate` may change.

        Raises FunctionError if the token is not correctly signed.
        """
        claims = _decode_claims(token)
        return session_topic(claims.session_id), operator_topic(claims.operator_id)

    def issued_to(self, token: str) -> tuple[UUID, str]:
        """Return (workspace_id, principal_id) of a correctly signed token, even if it has expired or been revoked.

        Raises FunctionError.
        """
        claims = _decode_claims(token)
        return claims.workspace_id, _principal_id(claims.operator_id)

    def authenticate(self, token: str) -> OperatorCaller:
        """Return the caller that a token identifies.

        Raises FunctionError if the token is forged, expired or revoked, or if the operator is no longer active.
        """
        claims = _decode_claims(token)
        rows = OperatorSession.objects.select_related("operator").defer("operator__password")
        session = rows.filter(pk=claims.session_id, operator_id=claims.operator_id).first()
        if session is None or session.revoked_at is not None or session.expires_at <= timezone.now():
            raise FunctionError(Code.UNAUTHENTICATED, INVALID_TOKEN_MESSAGE)
        if not session.operator.is_active:
            raise FunctionError(Code.UNAUTHENTICATED, INVALID_TOKEN_MESSAGE)
        return OperatorCaller(
            operator_id=claims.operator_id,
            session_id=claims.session_id,
            scope=scope_of(session.operator),
            role=session.operator.role,
            source=session.source,
            expires_at=session.expires_at,
        )


operators = OperatorTokenAuthenticator()


def operator_topic(operator_id: UUID) -> str:
    """Return the topic that is published when the operator's brands, role, preferences or active state change."""
    return f"operator.{operator_id}"


def session_topic(session_id: UUID) -> str:
    return f"operator_session.{session_id}"


def _principal_id(operator_id: UUID) -> str:
    return f"operator.{operator_id}"


class _Claims(NamedTuple):
    operator_id: UUID
    workspace_id: UUID
    session_id: UUID


def _decode_claims(token: str) -> _Claims:
    """Return the claims of a correctly signed token, even if it has expired or been revoked, which `authenticate` checks.

    Raises FunctionError.
    """
    try:
        claims = SIGNER.decode(token)
        return _Claims(UUID(claims["sub"]), UUID(claims["ws"]), UUID(claims["sid"]))
    except (jwt.InvalidTokenError, ValueError) as error:
        raise FunctionError(Code.UNAUTHENTICATED, INVALID_TOKEN_MESSAGE) from error
