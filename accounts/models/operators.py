"""Operators: the people of a workspace who reply to visitors, their permissions and their credentials."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from django.db.models.manager import Manager
from django.utils import timezone

from accounts.models.workspaces import Workspace
from accounts.roles import Ability, Role, may
from praxtalk.core.db.constraints import same_workspace
from praxtalk.core.db.ids import new_id
from praxtalk.core.validators import check_time_zone


class OperatorManager(BaseUserManager["Operator"]):
    """Create operators, and find them by e-mail address for the login, ignoring case."""

    def create_operator(self, *, workspace: Workspace, email: str, password: str | None, **fields: Any) -> "Operator":
        operator = self.model(workspace=workspace, email=self.normalize_email(email), **fields)
        operator.set_password(password)
        operator.save()
        return operator

    def get_by_natural_key(self, username: str | None) -> "Operator":
        return self.get(email__iexact=username)


class Operator(AbstractBaseUser):
    """A person who replies to visitors. They sign in by e-mail address, and see all brands or only those in `brands`."""

    Role = Role

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="operators")
    email = models.EmailField(max_length=254)
    name = models.CharField(max_length=100)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.OPERATOR)
    sees_all_brands = models.BooleanField(default=True)
    is_active = models.BooleanField("active", default=True)
    encrypted_totp_secret = models.TextField(blank=True, default="", editable=False)  # empty without a second factor
    totp_step = models.BigIntegerField(default=0, editable=False)  # of the last accepted code, so that none works twice
    invited_at = models.DateTimeField(null=True, blank=True, editable=False)  # set until they join
    # Of the times on the dashboard's pages. Empty: the browser's.
    time_zone = models.CharField(max_length=64, blank=True, default="", db_default="", validators=[check_time_zone])
    preferences = models.JSONField(default=dict, blank=True, editable=False)  # see accounts.actions.preferences
    created_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[Manager[Any]] = OperatorManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(Lower("email"), name="operator_email_unique"),
            models.UniqueConstraint(fields=["id", "workspace"], name="operator_in_workspace"),
            models.CheckConstraint(
                condition=models.Q(role__in=["owner", "admin", "operator"]), name="operator_role_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def has_two_factor(self) -> bool:
        return bool(self.encrypted_totp_secret)

    def may(self, ability: Ability | str) -> bool:
        """Return whether the operator's role and access to brands allow `ability`."""
        return may(self.role, Ability(ability), sees_all_brands=self.sees_all_brands)


class RecoveryCode(models.Model):
    """A code that an operator can use once instead of a code of their authenticator app. Only its hash is stored."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    operator = models.ForeignKey(Operator, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.BinaryField(max_length=32)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["operator", "digest"], name="recovery_code_unique"),
            same_workspace("recovery_code", "operator", "accounts.Operator"),
        ]

    def __str__(self) -> str:
        return f"Recovery code of operator {self.operator_id}"


class QueuedEmail(models.Model):
    """An e-mail to an operator that is to be sent.

    A row is created for any requested address, whether or not an operator has it: the response must not reveal that.
    """

    class Kind(models.TextChoices):
        PASSWORD_RESET = "password_reset"  # noqa: S105
        INVITATION = "invitation"

    kind = models.CharField(max_length=20, choices=Kind.choices)
    email = models.EmailField(max_length=254)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now, db_index=True)


class OperatorSession(models.Model):
    """The session of an operator token. Revoking it invalidates the token at once."""

    class Source(models.TextChoices):
        """Where the token was requested. Messages that are sent with it get this channel."""

        API = "api"
        DASHBOARD = "dashboard"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    operator = models.ForeignKey(Operator, on_delete=models.CASCADE, related_name="sessions")
    source = models.CharField(max_length=10, choices=Source.choices)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=models.Q(source__in=["api", "dashboard"]), name="operator_session_source_known"
            ),
            same_workspace("operator_session", "operator", "accounts.Operator"),
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index("expires_at", name="operator_session_age")]

    def __str__(self) -> str:
        return f"Token of operator {self.operator_id}"
