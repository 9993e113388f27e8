"""The team of a workspace: invite operators, accept invitations, and change roles and access.

Owners may change every operator. Admins may change every operator except owners, and cannot make anyone an owner. Operators
cannot change their own role or access, and changes of a team run one after another, so a workspace always keeps an owner.
Operators who have joined are deactivated, never deleted, so that their messages keep an author.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts import emails
from accounts.actions import two_factor
from accounts.audit import Action, record
from accounts.models import Operator, QueuedEmail, Workspace
from accounts.operator_tokens import operator_topic
from accounts.roles import Role
from praxtalk.core.db.transactions import joined_transaction
from praxtalk.core.live.topics import publish_on_commit

CHANGEABLE_FIELDS = ("name", "role", "sees_all_brands", "is_active", "brands", "time_zone")
OWN_FIELDS = {"name", "time_zone"}  # what operators may change of themselves


def team_topic(workspace_id: UUID) -> str:
    """Return the topic that is published when an operator joins or is changed."""
    return f"team.{workspace_id}"


def may_change(by: Operator, operator: Operator) -> bool:
    """Return whether `by` may change `operator` at all."""
    return by.role == Role.OWNER or operator.role != Role.OWNER


def check_change(by: Operator, operator: Operator | None, values: dict[str, Any]) -> None:
    """Raise ValidationError if `by` may not make this change.

    operator: who is changed, None for an invitation. values: the new values by field name.
    """
    old_role, new_role = operator and operator.role, values.get("role", operator and operator.role)
    if Role.OWNER in (old_role, new_role) and by.role != Role.OWNER:
        raise ValidationError("Only owners can invite or change owners.")
    if operator and operator.pk == by.pk and set(values) - OWN_FIELDS:
        raise ValidationError("You cannot change your own role or access.")
    if operator and operator.invited_at and values.get("is_active"):
        raise ValidationError("This operator has not accepted the invitation yet.")
    sees_all = values.get("sees_all_brands", operator.sees_all_brands if operator else True)
    if not sees_all and "brands" in values and not values["brands"]:
        raise ValidationError("Select at least one brand.")
    if new_role == Role.OWNER and not sees_all:
        raise ValidationError("Owners must have access to all brands.")


@joined_transaction()
def invite(
    by: Operator, *, email: str, name: str, role: str, sees_all_brands: bool = True, brands: Iterable[Any] = ()
) -> Operator:
    """Create an inactive operator and queue an invitation e-mail. Raises ValidationError.

    They can sign in once they have chosen a password with the link in the e-mail.
    """
    brands = list(brands)
    by = lock_team(by)
    check_change(by, None, {"role": role, "sees_all_brands": sees_all_brands, "brands": brands})
    operator = Operator(
        workspace_id=by.workspace_id,
        email=email,
        name=name,
        role=role,
        sees_all_brands=sees_all_brands,
        is_active=False,
        invited_at=timezone.now(),
    )
    operator.set_unusable_password()
    operator.full_clean()
    operator.save()
    _set_brands(operator, brands)
    emails.enqueue(QueuedEmail.Kind.INVITATION, operator.email)
    record(Action.INVITED, workspace_id=by.workspace_id, subject=f"{name} ({operator.email})", role=role)
    return operator


@joined_transaction()
def resend_invitation(operator: Operator) -> bool:
    """Queue another invitation e-mail. The previous link becomes invalid. Return False if the operator has already joined."""
    rows = Operator.objects.filter(pk=operator.pk, invited_at__isnull=False)
    if not rows.update(invited_at=timezone.now()):
        return False
    emails.enqueue(QueuedEmail.Kind.INVITATION, operator.email)
    record(Action.INVITED, workspace_id=operator.workspace_id, subject=f"{operator} ({operator.email})", again=True)
    return True


def accept_invitation(operator: Operator, *, password: str) -> bool:
    """Activate an invited operator with the password that they chose. Return False if the invitation was used or revoked."""
    operator.set_password(password)  # hashing is slow: do it before the row is locked
    return _accept_invitation(operator)


@joined_transaction()
def _accept_invitation(operator: Operator) -> bool:
    rows = Operator.objects.filter(workspace_id=operator.workspace_id, pk=operator.pk, invited_at__isnull=False)
    if not rows.update(invited_at=None):  # a concurrent request blocks here, then matches no row
        return False
    operator.is_active, operator.invited_at = True, None
    operator.save(update_fields=["password", "is_active", "invited_at"])
    record(Action.JOINED, workspace_id=operator.workspace_id, by=operator)
    publish_on_commit(team_topic(operator.workspace_id))
    return True


@joined_transaction()
def change_operator(operator: Operator, *, by: Operator, **values: Any) -> Operator:
    """Change any of the fields in CHANGEABLE_FIELDS. Raises ValidationError.

    Open live connections check their permissions again.
    """
    by = lock_team(by)
    operator = Operator.objects.select_for_update(no_key=True).get(workspace_id=by.workspace_id, pk=operator.pk)
    check_change(by, operator, values)
    brands = values.pop("brands", None)
    for name, value in values.items():
        setattr(operator, name, value)
    operator.full_clean()
    operator.save(update_fields=list(values))
    details = dict(values)
    if brands is not None:
        _set_brands(operator, brands)
        details["brands"] = sorted(brand.name for brand in brands)
    record(Action.OPERATOR_CHANGED, workspace_id=operator.workspace_id, subject=operator, **details)
    publish_on_commit(operator_topic(operator.pk), team_topic(operator.workspace_id))
    return operator


@joined_transaction()
def revoke_invitation(operator: Operator, *, by: Operator) -> bool:
    """Delete an operator who has not joined yet. Return False if they have joined. Raises ValidationError."""
    check_change(lock_team(by), operator, {})
    deleted, _ = Operator.objects.filter(
        workspace_id=by.workspace_id, pk=operator.pk, invited_at__isnull=False
    ).delete()
    if deleted:
        record(Action.INVITATION_REVOKED, workspace_id=by.workspace_id, subject=f"{operator} ({operator.email})")
    return bool(deleted)


@joined_transaction()
def reset_two_factor(operator: Operator, *, by: Operator) -> None:
    """Disable the second factor of an operator who has lost both phone and recovery codes. Raises ValidationError."""
    check_change(lock_team(by), operator, {"two_factor": False})
    two_factor.disable(operator, action=Action.TWO_FACTOR_RESET)


def lock_team(by: Operator) -> Operator:
    """Lock the workspace and reload the acting operator, so that changes of the team are serialised.

    Raises ValidationError if the acting operator has been deactivated.
    """
    Workspace.objects.select_for_update(no_key=True).get(pk=by.workspace_id)
    by = Operator.objects.get(workspace_id=by.workspace_id, pk=by.pk)
    if not by.is_active:
        raise ValidationError("Your account has been deactivated.")
    return by


def _set_brands(operator: Operator, brands: Iterable[Any]) -> None:
    operator.brands.set(brands, clear=True, through_defaults={"workspace_id": operator.workspace_id})
