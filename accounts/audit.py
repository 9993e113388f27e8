"""The audit log. An action calls `record` in the transaction of its change.

The actor comes from the request: `accounts.middleware` sets the IP address and the signed-in operator, and the REST
authentication sets the name of the API key. Outside a request, as in a task, the actor is PraxTalk itself.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import models

from accounts.models import AuditEntry, Operator

MAX_NAME = 200


class Action(models.TextChoices):
    """Every kind of entry in the audit log."""

    SIGNED_IN = "operator.signed_in", "Signed in"
    SIGN_IN_FAILED = "operator.sign_in_failed", "Failed to sign in"
    PASSWORD_CHANGED = "operator.password_changed", "Changed password"
    TWO_FACTOR_ENABLED = "operator.two_factor_on", "Enabled two-factor authentication"
    TWO_FACTOR_DISABLED = "operator.two_factor_off", "Disabled two-factor authentication"
    TWO_FACTOR_RESET = "operator.two_factor_reset", "Reset an operator's two-factor authentication"
    RECOVERY_CODES_REGENERATED = "operator.recovery_codes_made", "Regenerated recovery codes"
    INVITED = "operator.invited", "Invited an operator"
    INVITATION_REVOKED = "operator.withdrawn", "Revoked an invitation"
    JOINED = "operator.joined", "Accepted an invitation"
    OPERATOR_CHANGED = "operator.changed", "Changed an operator"
    CONVERSATIONS_REASSIGNED = "operator.conversations_reassigned", "Reassigned an operator's conversations"
    BRAND_CREATED = "brand.created", "Created a brand"
    BRAND_CHANGED = "brand.changed", "Changed a brand"
    IDENTITY_SECRET_REVEALED = "brand.identity_secret_shown", "Revealed a brand's identity secret"
    IDENTITY_SECRET_ROTATED = "brand.identity_secret_renewed", "Rotated a brand's identity secret"
    LEADS_EXPORTED = "lead.exported", "Exported leads"
    VISITOR_CHANGED = "visitor.changed", "Changed a visitor"
    VISITOR_EXPORTED = "visitor.exported", "Exported a visitor's data"
    VISITOR_ERASED = "visitor.erased", "Erased a visitor"
    WORKSPACE_CHANGED = "workspace.changed", "Changed the workspace"
    WORKSPACE_EXPORTED = "workspace.exported", "Exported the workspace"
    TOKEN_ISSUED = "operator_token.minted", "Created an operator token"
    TOKEN_REVOKED = "operator_token.revoked", "Revoked an operator token"
    KEY_CREATED = "api_key.created", "Created an API key"
    KEY_REVOKED = "api_key.revoked", "Revoked an API key"
    WEBHOOK_CREATED = "webhook.created", "Created a webhook"
    WEBHOOK_CHANGED = "webhook.changed", "Changed a webhook"
    WEBHOOK_DELETED = "webhook.deleted", "Deleted a webhook"
    WEBHOOK_SECRET_REVEALED = "webhook.secret_shown", "Revealed a webhook's signing secret"
    WEBHOOK_SECRET_ROTATED = "webhook.secret_rotated", "Rotated a webhook's signing secret"
    WEBHOOK_SECRET_PROMOTED = "webhook.secret_promoted", "Promoted a webhook's new signing secret"
    WEBHOOK_SECRET_RETIRED = "webhook.secret_retired", "Retired a webhook's secondary secret"
    REPLAY_STARTED = "webhook.replayed", "Replayed deliveries"


@dataclass(frozen=True)
class Actor:
    """Who performs an action.

    name: shown in the audit log. short_name: shown in a conversation's thread, if it differs; otherwise empty.
    address: an IP address, None if there is none.
    """

    name: str = "PraxTalk"
    operator_id: UUID | None = None
    address: str | None = None
    short_name: str = ""


_actor: ContextVar[Callable[[], Actor]] = ContextVar("actor", default=Actor)


@contextmanager
def audit_actor(actor: Actor | Callable[[], Actor]) -> Iterator[None]:
    """Set the actor of everything that is recorded inside this block. A function is called only when the actor is needed."""
    token = _actor.set(actor if callable(actor) else lambda: actor)
    try:
        yield
    finally:
        _actor.reset(token)


def set_actor_name(name: str, *, short_name: str = "") -> None:
    """Name the actor of the current request, who is not an operator but, for example, an API key. Keep the IP address."""
    before = _actor.get()
    _actor.set(lambda: Actor(name, address=before().address, short_name=short_name))


def current_actor() -> Actor:
    """Return the current actor."""
    return _actor.get()()


def record(
    action: Action, *, workspace_id: UUID, subject: object = "", by: Operator | None = None, **details: Any
) -> AuditEntry:
    """Create an entry in the audit log.

    subject: what the action changed. by: the operator, if the request does not know them yet, as during sign-in.

    Entries are never deleted, so they must not contain what an erasure has to remove. For visitors, conversations and leads, pass
    ids; never a name, an address, a text or a search term.
    """
    actor = current_actor()
    if by:
        actor = Actor(str(by), by.pk, actor.address)
    return AuditEntry.objects.create(
        workspace_id=workspace_id,
        operator_id=actor.operator_id,
        actor=actor.name[:MAX_NAME],
        address=actor.address,
        action=action,
        subject=str(subject)[:MAX_NAME],
        details=details,
    )
