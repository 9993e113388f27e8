"""The brands of a workspace, and which of them an operator sees."""

import secrets
import string
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from accounts.models import Operator, Workspace
from brands.allowed_domains import check_domain
from brands.business_hours import check_hours
from praxtalk.core.db.constraints import same_workspace
from praxtalk.core.db.ids import new_id
from praxtalk.core.db.lists import ListField
from praxtalk.core.mail.headers import ascii_address
from praxtalk.core.validators import check_time_zone

ALPHANUMERIC = string.ascii_letters + string.digits
WIDGET_ID_LENGTH = 22  # 131 bits of entropy
MAX_DOMAINS = 50
MAX_TEXT = 500


def new_widget_id() -> str:
    """Return `ws_` and 22 random letters and digits."""
    return "ws_" + "".join(secrets.choice(ALPHANUMERIC) for _ in range(WIDGET_ID_LENGTH))


def check_texts(texts: object) -> None:
    """Check texts that replace the widget's own, by language and key. Raises ValidationError."""
    if not isinstance(texts, dict) or not all(isinstance(by_key, dict) for by_key in texts.values()):
        raise ValidationError("Texts must be an object that maps each language to an object of texts.")
    for by_key in texts.values():
        for key, text in by_key.items():
            if not isinstance(text, str) or not 0 < len(text) <= MAX_TEXT:
                raise ValidationError(f"{key}: enter a text of 1 to {MAX_TEXT} characters.")


def check_sender(address: str) -> None:
    """Raise ValidationError unless every mail server accepts the address as a sender."""
    try:
        ascii_address(address)
    except ValueError as error:
        raise ValidationError(str(error)) from error


class Brand(models.Model):
    """A name and appearance that a workspace presents to visitors, with the settings of its widget."""

    class Side(models.TextChoices):
        RIGHT = "right"
        LEFT = "left"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="brands")
    slug = models.SlugField(max_length=50)
    name = models.CharField(max_length=100)
    primary_color = models.CharField(
        max_length=7, default="#2563eb", validators=[RegexValidator(r"^#[0-9a-f]{6}\Z", "Enter a colour as #rrggbb.")]
    )
    widget_id = models.CharField(max_length=40, unique=True, default=new_widget_id, editable=False)
    side = models.CharField(max_length=5, choices=Side.choices, default=Side.RIGHT)
    greeting = models.CharField(max_length=300, blank=True)  # empty: the default in the visitor's language
    privacy_url = models.URLField(max_length=500, blank=True)
    allowed_domains = ListField(
        models.CharField(max_length=253, validators=[check_domain]), default=list, blank=True, size=MAX_DOMAINS
    )
    business_hours = models.JSONField(default=dict, blank=True, validators=[check_hours])  # empty: always open
    time_zone = models.CharField(max_length=64, default="UTC", validators=[check_time_zone])
    texts = models.JSONField(default=dict, blank=True, validators=[check_texts])  # {"de": {"greeting": "..."}}
    # The sender of e-mails to visitors. Empty: EMAIL_FROM.
    email_from = models.EmailField(max_length=254, blank=True, validators=[check_sender])
    widget_seen_at = models.DateTimeField(null=True, editable=False)  # when another site last loaded the widget
    encrypted_identity_secret = models.TextField(blank=True, default="", editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    operators = models.ManyToManyField(Operator, through="OperatorBrand", related_name="brands", blank=True)

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


class OperatorBrand(models.Model):
    """A brand that is visible to an operator who does not see all brands."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    operator = models.ForeignKey(Operator, on_delete=models.CASCADE, related_name="+")
    brand = models.ForeignKey(Brand, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["operator", "brand"], name="operator_brand_unique"),
            same_workspace("operator_brand", "operator", "accounts.Operator"),
            same_workspace("operator_brand", "brand", "brands.Brand"),
        ]

    def __str__(self) -> str:
        return f"Access to brand {self.brand_id}"
