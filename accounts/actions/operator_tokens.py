"""Issue and revoke the tokens with which operators call live functions."""

from datetime import timedelta

from django.utils import timezone

from accounts.audit import Action, record
from accounts.models import Operator, OperatorSession
from accounts.operator_tokens import MAX_LIFETIME, SIGNER, session_topic
from praxtalk.core.db.transactions import joined_transaction
from praxtalk.core.live.topics import publish_on_commit


@joined_transaction()
def issue_token(
    operator: Operator, *, lifetime: timedelta = MAX_LIFETIME, source: str = OperatorSession.Source.API
) -> tuple[str, OperatorSession]:
    """Create a session for the operator. Return its token, which is not stored and cannot be read again, and the session."""
    now = timezone.now()
    session = OperatorSession.objects.create(
        workspace_id=operator.workspace_id,
        operator=operator,
        source=source,
        created_at=now,
        expires_at=now + min(lifetime, MAX_LIFETIME),
    )
    claims = {
        "sub": str(operator.pk),
        "ws": str(operator.workspace_id),
        "sid": str(session.pk),
        "iat": int(now.timestamp()),
        "exp": int(session.expires_at.timestamp()),
    }
    if source == OperatorSession.Source.API:
        record(Action.TOKEN_ISSUED, workspace_id=operator.workspace_id, subject=operator)
    return SIGNER.encode(claims), session


@joined_transaction()
def revoke_token(session: OperatorSession) -> None:
    """Revoke the session's token. Connections that use it are notified at once."""
    rows = OperatorSession.objects.filter(workspace_id=session.workspace_id, pk=session.pk, revoked_at__isnull=True)
    if rows.update(revoked_at=timezone.now()):
        record(Action.TOKEN_REVOKED, workspace_id=session.workspace_id, subject=session.operator)
    publish_on_commit(session_topic(session.pk))


@joined_transaction()
def revoke_dashboard_tokens(operator: Operator) -> None:
    """Revoke the tokens of the operator's open pages. A page whose browser is still signed in requests a new token by itself."""
    rows = OperatorSession.objects.filter(
        workspace_id=operator.workspace_id,
        operator=operator,
        source=OperatorSession.Source.DASHBOARD,
        revoked_at__isnull=True,
        expires_at__gt=timezone.now(),
    )
    ids = list(rows.values_list("pk", flat=True))
    rows.update(revoked_at=timezone.now())
    publish_on_commit(*(session_topic(pk) for pk in ids))
