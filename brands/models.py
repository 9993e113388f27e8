"""Who: the workspace (tenant), its operators, and the brands under which it talks."""

import secrets
import string
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.db.models.manager import Manager
from django.utils import timezone

from brands.hours import check_hours, check_time_zone
from brands.sites import check_domain
from praxtalk.data.constraints import same_workspace
from praxtalk.data.ids import new_id

ALPHANUMERIC = string.ascii_letters + string.digits
WIDGET_ID_LENGTH = 22  # 131 bits
MAX_DOMAINS = 50


def new_widget_id() -> str:
    """`ws_` and 22 random letters and digits."""
    return "ws_" + "".join(secrets.choice(ALPHANUMERIC) for _ in range(WIDGET_ID_LENGTH))


class Workspace(models.Model):
    """The tenant: every row belongs to one, and no query crosses them."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name


class Brand(models.Model):
    """A name and look under which a workspace talks, and how its widget behaves."""

    class Side(models.TextChoices):
        RIGHT = "right"
        LEFT = "left"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="brands")
    slug = models.SlugField(max_length=50)
    name = models.CharField(max_length=100)
    primary_color = models.CharField(
        max_length=7, default="#2563eb", validators=[RegexValidator(r"^#[0-9a-f]{6}\Z", "Write a colour as #rrggbb.")]
    )
    widget_id = models.CharField(max_length=40, unique=True, default=new_widget_id, editable=False)
    side = models.CharField(max_length=5, choices=Side.choices, default=Side.RIGHT)
    greeting = models.CharField(max_length=300, blank=True)  # empty: one in the visitor's language
    privacy_url = models.URLField(max_length=500, blank=True)
    allowed_domains = ArrayField(
        models.CharField(max_length=253, validators=[check_domain]), default=list, blank=True, size=MAX_DOMAINS
    )
    business_hours = models.JSONField(default=dict, blank=True, validators=[check_hours])  # empty: always open
    time_zone = models.CharField(max_length=64, default="UTC", validators=[check_time_zone])
    encrypted_identity_secret = models.TextField(blank=True, default="", editable=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["workspace", "slug"], name="brand_slug_unique"),
            models.UniqueConstraint(fields=["id", "workspace"], name="brand_in_workspace"),
            models.CheckConstraint(
                condition=models.Q(primary_color__regex=r"^#[0-9a-f]{6}$"), name="brand_color_is_hex"
            ),
            models.CheckConstraint(condition=models.Q(side__in=["right", "left"]), name="brand_side_known"),
        ]

    def __str__(self) -> str:
        return self.name


class OperatorManager(BaseUserManager["Operator"]):
    """Creates operators, and finds one by e-mail for the login, letter case ignored."""

    def create_operator(self, *, workspace: Workspace, email: str, password: str | None, **fields: Any) -> "Operator":
        operator = self.model(workspace=workspace, email=self.normalize_email(email), **fields)
        operator.set_password(password)
        operator.save()
        return operator

    def get_by_natural_key(self, username: str | None) -> "Operator":
        return self.get(email__iexact=username)


class Operator(AbstractBaseUser):
    """A person of the workspace who answers; signs in by e-mail. Sees every brand, or only those of `brands`."""

    class Role(models.TextChoices):
        OWNER = "owner"
        ADMIN = "admin"
        OPERATOR = "operator"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="operators")
    email = models.EmailField(max_length=254)
    name = models.CharField(max_length=100)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.OPERATOR)
    sees_all_brands = models.BooleanField(default=True)
    brands = models.ManyToManyField(Brand, through="OperatorBrand", related_name="operators", blank=True)
    is_active = models.BooleanField(default=True)
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


class OperatorBrand(models.Model):
    """A brand that a limited operator sees."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    operator = models.ForeignKey(Operator, on_delete=models.CASCADE, related_name="+")
    brand = models.ForeignKey(Brand, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["operator", "brand"], name="operator_brand_unique"),
            same_workspace("operator_brand", "operator", "brands.Operator"),
            same_workspace("operator_brand", "brand", "brands.Brand"),
        ]


class OperatorSession(models.Model):
    """What an operator token was minted for; ending it refuses the token at once."""

    class Source(models.TextChoices):
        """By which way the token was asked for: what is sent with it goes by that channel."""

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
            same_workspace("operator_session", "operator", "brands.Operator"),
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index("expires_at", name="operator_session_age")]
