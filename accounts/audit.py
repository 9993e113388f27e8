"""The audit log: an action calls `record` beside what it does, in the same transaction.

Who does it is known from where the request came in: accounts.middleware notes the address and the operator who is signed in, the
REST authentication names its key. Where nobody asked, as in a task, it is PraxTalk itself.
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
    """Everything that the log tells of."""

    SIGNED_IN = "operator.signed_in", "Signed in"
    SIGN_IN_FAILED = "operator.sign_in_failed", "Failed to sign in"
    PASSWORD_CHANGED = "operator.password_changed", "Changed their password"
    TWO_FACTOR_ON = "operator.two_factor_on", "Switched two-factor sign-in on"
    TWO_FACTOR_OFF = "operator.two_factor_off", "Switched two-factor sign-in off"
    TWO_FACTOR_RESET = "operator.two_factor_reset", "Switched somebody's two-factor sign-in off"
    RECOVERY_CODES_MADE = "operator.recovery_codes_made", "Made new recovery codes"
    INVITED = "operator.invited", "Invited"
    WITHDRAWN = "operator.withdrawn", "Withdrew an invitation"
    JOINED = "operator.joined", "Joined"
    OPERATOR_CHANGED = "operator.changed", "Changed an operator"
    BRAND_CREATED = "brand.created", "Created a brand"
    BRAND_CHANGED = "brand.changed", "Changed a brand"
    IDENTITY_SECRET_SHOWN = "brand.identity_secret_shown", "Looked at a brand's identity secret"
    IDENTITY_SECRET_RENEWED = "brand.identity_secret_renewed", "Renewed a brand's identity secret"
    LEADS_EXPORTED = "lead.exported", "Exported leads"
    VISITOR_EXPORTED = "visitor.exported", "Exported a visitor's data"
    VISITOR_ERASED = "visitor.erased", "Erased a visitor"
    WORKSPACE_CHANGED = "workspace.changed", "Changed the workspace"
    WORKSPACE_EXPORTED = "workspace.exported", "Exported the workspace"
    TOKEN_MINTED = "operator_token.minted", "Minted an operator token"
    TOKEN_REVOKED = "operator_token.revoked", "Revoked an operator token"
    KEY_CREATED = "api_key.created", "Created an API key"
    KEY_REVOKED = "api_key.revoked", "Revoked an API key"
    WEBHOOK_CREATED = "webhook.created", "Created a webhook"
    WEBHOOK_CHANGED = "webhook.changed", "Changed a webhook"
    WEBHOOK_DELETED = "webhook.deleted", "Deleted a webhook"
    WEBHOOK_SECRET_SHOWN = "webhook.secret_shown", "Looked at a webhook's secret"
    WEBHOOK_SECRET_ROTATED = "webhook.secret_rotated", "Rotated a webhook's secret"
    WEBHOOK_SECRET_PROMOTED = "webhook.secret_promoted", "Promoted a webhook's new secret"
    WEBHOOK_SECRET_RETIRED = "webhook.secret_retired", "Retired a webhook's second secret"
    REPLAY_STARTED = "webhook.replayed", "Replayed deliveries"


@dataclass(frozen=True)
class Actor:
    """Who does something. address: an IP address, None where there is none.

    name: in the audit log. short_name: in a conversation's thread, where the two differ.
    """

    name: str = "PraxTalk"
    operator_id: UUID | None = None
    address: str | None = None
    short_name: str = ""


_actor: ContextVar[Callable[[], Actor]] = ContextVar("actor", default=Actor)


@contextmanager
def acting(actor: Actor | Callable[[], Actor]) -> Iterator[None]:
    """What is recorded inside was done by this actor; as a function, they are looked for only when something is."""
    token = _actor.set(actor if callable(actor) else lambda: actor)
    try:
        yield
    finally:
        _actor.reset(token)


def set_actor_name(name: str, *, short_name: str = "") -> None:
    """The request that is being answered turns out to come from somebody who is no operator, as an API key."""
    before = _actor.get()
    _actor.set(lambda: Actor(name, address=before().address, short_name=short_name))


def current_actor() -> Actor:
    """Who does what is being done."""
    return _actor.get()()


def record(
    action: Action, *, workspace_id: UUID, subject: object = "", by: Operator | None = None, **details: Any
) -> AuditEntry:
    """Write into the log. subject: what it was done to; by: the operator, where the request does not know yet.

    Nothing is ever deleted from the log, so it must not hold what an erasure has to reach. Of visitors, conversations and leads,
    pass ids; never a name, an address, a text or a search.
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
