"""Visitor tokens: JWTs (RFC 7519, HS256) by which a browser is known as a visitor of one brand, for 180 days from its last
message.

They travel in the Authorization header and in live arguments, never in a URL or a cookie. No row stands behind one: a visitor
who is deleted has no token that is good.

A token of an anonymous visitor ends when the site proves who the visitor is (`widget.actions.identify`). Otherwise
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
RENEWED_AFTER = timedelta(days=1)
REFUSED = "This conversation cannot be opened any more. Please start again."


def issue_token(visitor: Visitor) -> str:
    """A token for this visitor."""
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
    """A visitor who asks. Equal ones see equal things."""

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

    def acting(self) -> AbstractContextManager[None]:
        """What visitors do is recorded under their name where it is done."""
        return nullcontext()


class VisitorTokenAuthenticator:
    """Who stands behind a visitor token. Named by every function for visitors."""

    argument = "visitorToken"

    def topics(self, token: str) -> tuple[str, ...]:
        """Raises Refused."""
        _claimed(token)
        return ()

    def issued_to(self, token: str) -> tuple[UUID, str]:
        """Raises Refused."""
        claims = _claimed(token)
        return claims.workspace_id, _principal_id(claims.visitor_id)

    def read(self, token: str) -> tuple[Visitor, bool]:
        """The visitor with their brand, and whether the token is due for renewal. Raises Refused as `open` does."""
        claims = _claimed(token)
        visitor = _rows(claims).select_related("brand").first()
        if visitor is None or not claims.are_current(visitor.external_id):
            raise FunctionError(Code.UNAUTHENTICATED, REFUSED)
        return visitor, timezone.now() - claims.minted_at > RENEWED_AFTER

    def open(self, token: str) -> VisitorCaller:
        """Raises Refused: the token is forged, expired, or older than the visitor's identity, or the visitor is deleted."""
        claims = _claimed(token)
        widget_id, external_id = _rows(claims).values_list("brand__widget_id", "external_id").first() or (None, None)
        if widget_id is None or not claims.are_current(external_id):
            raise FunctionError(Code.UNAUTHENTICATED, REFUSED)
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
    minted_at: datetime
    expires_at: datetime

    def are_current(self, external_id: str | None) -> bool:
        """external_id: the visitor's now."""
        return self.is_identified == (external_id is not None) and self.expires_at > timezone.now()


def _rows(claims: _Claims) -> QuerySet[Visitor]:
    return Visitor.objects.filter(workspace_id=claims.workspace_id, brand_id=claims.brand_id, pk=claims.visitor_id)


def _claimed(token: str) -> _Claims:
    """What a token that we signed says; whether it is still good is looked at elsewhere, by a clock that tests may set."""
    try:
        claims = SIGNER.decode(token)
        minted_at, expires_at = (datetime.fromtimestamp(claims[name], UTC) for name in ("iat", "exp"))
        visitor_id, workspace_id, brand_id = (UUID(claims[name]) for name in ("sub", "ws", "brand"))
        is_identified = claims.get("identified") is True
        return _Claims(visitor_id, workspace_id, brand_id, is_identified, minted_at, expires_at)
    except (jwt.InvalidTokenError, ValueError) as error:
        raise FunctionError(Code.UNAUTHENTICATED, REFUSED) from error
