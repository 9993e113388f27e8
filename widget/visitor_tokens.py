"""Visitor tokens: JWTs (RFC 7519, HS256) that authenticate a browser as a visitor of one brand.

A token is valid for 180 days. Sending a message renews one that is older than a day.

Tokens are sent in the Authorization header and in live arguments, never in a URL or a cookie. They are not stored in the
database. Deleting a visitor invalidates all their tokens.

A token of an anonymous visitor becomes invalid when the site identifies the visitor (`widget.actions.identify`). Otherwise
whoever used the browser before could keep the anonymous token and read what the identified person writes later.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import jwt
from django.db.models import QuerySet
from django.utils import timezone

from conversations.models import Visitor
from praxtalk.core.jwt_signer import JwtSigner
from praxtalk.core.live.results import Code, FunctionError

SIGNER = JwtSigner("visitor", audience="visitor", required=("sub", "ws", "brand", "iat", "exp"))
LIFETIME = timedelta(days=180)
RENEW_AFTER = timedelta(days=1)
UNAVAILABLE_MESSAGE = "This conversation is no longer available. Please start a new one."


def issue_token(visitor: Visitor) -> str:
    """Return a new token for this visitor."""
    now = timezone.now()
    claims = {
        "sub": str(visitor.pk),
        "ws": str(visitor.workspace_id),
        "brand": str(visitor.brand_id),
        "identified": visitor.external_id is not None,
        "iat": int(now.timestamp()),
        "exp": int((now + LIFETIME).timestamp()),
    }
    return SIGNER.encode(claims)


@dataclass(frozen=True)
class VisitorCaller:
    """The visitor who makes a call. Equal callers get equal query results."""

    visitor_id: UUID
    workspace_id: UUID
    brand_id: UUID
    widget_id: str
    external_id: str | None
    expires_at: datetime

    @property
    def scope(self) -> tuple[str, UUID]:
        return ("visitor", self.visitor_id)

    @property
    def principal_id(self) -> str:
        return _principal_id(self.visitor_id)

    @property
    def session(self) -> str:
        return str(self.visitor_id)

    def audit_actor(self) -> AbstractContextManager[None]:
        """Return a context that does nothing: the actions themselves record the visitor as the actor."""
        return nullcontext()


class VisitorTokenAuthenticator:
    """Authenticate visitor tokens. Every live function for visitors uses it."""

    argument = "visitorToken"

    def topics(self, token: str) -> tuple[str, ...]:
        """Return no topics. Raises FunctionError if the token is not correctly signed."""
        _decode_claims(token)
        return ()

    def issued_to(self, token: str) -> tuple[UUID, str]:
        """Return (workspace_id, principal_id) of a correctly signed token, even if it has expired. Raises FunctionError."""
        claims = _decode_claims(token)
        return claims.workspace_id, _principal_id(claims.visitor_id)

    def read(self, token: str) -> tuple[Visitor, bool]:
        """Return the visitor with their brand, and whether the token is due for renewal.

        Raises FunctionError in the same cases as `authenticate`.
        """
        claims = _decode_claims(token)
        visitor = _rows(claims).select_related("brand").first()
        if visitor is None or not claims.are_current(visitor.external_id):
            raise FunctionError(Code.UNAUTHENTICATED, UNAVAILABLE_MESSAGE)
        return visitor, timezone.now() - claims.issued_at > RENEW_AFTER

    def authenticate(self, token: str) -> VisitorCaller:
        """Return the caller that a token identifies.

        Raises FunctionError if the token is forged, expired, or older than the visitor's identification, or if the visitor is
        deleted.
        """
        claims = _decode_claims(token)
        widget_id, external_id = _rows(claims).values_list("brand__widget_id", "external_id").first() or (None, None)
        if widget_id is None or not claims.are_current(external_id):
            raise FunctionError(Code.UNAUTHENTICATED, UNAVAILABLE_MESSAGE)
        return VisitorCaller(
            visitor_id=claims.visitor_id,
            workspace_id=claims.workspace_id,
            brand_id=claims.brand_id,
            widget_id=widget_id,
            external_id=external_id,
            expires_at=claims.expires_at,
        )


visitors = VisitorTokenAuthenticator()


def _principal_id(visitor_id: UUID) -> str:
    return f"visitor.{visitor_id}"


class _Claims(NamedTuple):
    visitor_id: UUID
    workspace_id: UUID
    brand_id: UUID
    is_identified: bool
    issued_at: datetime
    expires_at: datetime

    def are_current(self, external_id: str | None) -> bool:
        """Return whether the token is valid now. external_id: the visitor's current one."""
        return self.is_identified == (external_id is not None) and self.expires_at > timezone.now()


def _rows(claims: _Claims) -> QuerySet[Visitor]:
    return Visitor.objects.filter(workspace_id=claims.workspace_id, brand_id=claims.brand_id, pk=claims.visitor_id)


def _decode_claims(token: str) -> _Claims:
    """Return the claims of a correctly signed token. Raises FunctionError.

    `are_current` checks the expiry instead, because it uses Django's clock, which tests can set.
    """
    try:
        claims = SIGNER.decode(token)
        issued_at, expires_at = (datetime.fromtimestamp(claims[name], UTC) for name in ("iat", "exp"))
        visitor_id, workspace_id, brand_id = (UUID(claims[name]) for name in ("sub", "ws", "brand"))
        is_identified = claims.get("identified") is True
        return _Claims(visitor_id, workspace_id, brand_id, is_identified, issued_at, expires_at)
    except (jwt.InvalidTokenError, ValueError) as error:
        raise FunctionError(Code.UNAUTHENTICATED, UNAVAILABLE_MESSAGE) from error
