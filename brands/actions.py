"""Create a workspace with its first brand, and change brands."""

import secrets
from datetime import timedelta
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone
from django.utils.text import slugify

from accounts.audit import Action, record
from accounts.models import Operator, Workspace
from accounts.scope import topics_of
from brands.models import Brand
from praxtalk.core.db.encryption import decrypt, encrypt
from praxtalk.core.db.transactions import joined_transaction
from praxtalk.core.live.topics import publish_on_commit
from praxtalk.core.mail.headers import ascii_address

WIDGET_LOAD_INTERVAL = timedelta(hours=1)
WIDGET_FIELDS = (
    *("primary_color", "side", "greeting", "privacy_url", "allowed_domains", "business_hours", "time_zone"),
    "email_from",
)
SETUP_LOCK = 0x7072_7374  # an arbitrary key for an advisory lock
BRAND_FIELDS = ("name", "texts", *WIDGET_FIELDS)


@joined_transaction()
def create_workspace(
    *, name: str, brand_name: str, owner_email: str, owner_name: str, password: str, is_demo: bool = False
) -> Workspace:
    """Create a workspace with its first brand and its owner. Raises Django's ValidationError."""
    workspace = Workspace(name=name, is_demo=is_demo)
    workspace.full_clean()
    workspace.save()
    create_brand(workspace, name=brand_name)
    owner = Operator(workspace=workspace, email=owner_email, name=owner_name, role=Operator.Role.OWNER)
    validate_password(password, owner)
    owner.set_password(password)
    owner.full_clean()
    owner.save()
    return workspace


@joined_transaction()
def create_first_workspace(**values: Any) -> Workspace:
    """Create the first workspace beside the demo, as `create_workspace` does.

    Raises ValidationError if there is one already: two requests at the same time create one workspace.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SETUP_LOCK])
    if Workspace.objects.filter(is_demo=False).exists():
        raise ValidationError("The workspace has already been created. Sign in instead.")
    return create_workspace(**values)


@joined_transaction()
def create_brand(workspace: Workspace, *, name: str, primary_color: str = "#2563eb") -> Brand:
    """Create a brand with its own widget id and identity secret. Raises Django's ValidationError."""
    brand = Brand(workspace=workspace, name=name, slug=_unique_slug(workspace, name), primary_color=primary_color)
    brand.encrypted_identity_secret = encrypt(new_identity_secret())
    brand.full_clean()
    brand.save()
    record(Action.BRAND_CREATED, workspace_id=workspace.pk, subject=brand)
    publish_on_commit(*topics_of("brands", workspace.pk, brand.pk))
    return brand


@joined_transaction()
def configure_widget(brand: Brand, **values: Any) -> Brand:
    """Change the brand's name, or the appearance, texts and behaviour of its widget: any of BRAND_FIELDS.

    Raises Django's ValidationError.
    """
    brand = Brand.objects.select_for_update(no_key=True).get(workspace_id=brand.workspace_id, pk=brand.pk)
    unknown = set(values) - set(BRAND_FIELDS)
    if unknown:
        raise ValidationError(f"Unknown setting: {unknown.pop()}. Valid settings are: {', '.join(BRAND_FIELDS)}.")
    for name, value in values.items():
        setattr(brand, name, value)
    brand.full_clean()
    if brand.email_from:
        brand.email_from = ascii_address(brand.email_from)
    brand.save(update_fields=list(values))
    record(Action.BRAND_CHANGED, workspace_id=brand.workspace_id, subject=brand, changed=sorted(values))
    publish_on_commit(*topics_of("brands", brand.workspace_id, brand.pk))
    return brand


def record_widget_load(brand: Brand) -> None:
    """Store that a page has loaded the brand's widget. Writes at most once an hour."""
    now = timezone.now()
    if brand.widget_seen_at is None or now - brand.widget_seen_at > WIDGET_LOAD_INTERVAL:
        Brand.objects.filter(workspace_id=brand.workspace_id, pk=brand.pk).update(widget_seen_at=now)


@joined_transaction()
def rotate_identity_secret(brand: Brand) -> str:
    """Create and return a new secret with which the site's server signs visitors' ids. The previous secret stops working."""
    secret = new_identity_secret()
    rows = Brand.objects.filter(workspace_id=brand.workspace_id, pk=brand.pk)
    rows.update(encrypted_identity_secret=encrypt(secret))
    record(Action.IDENTITY_SECRET_ROTATED, workspace_id=brand.workspace_id, subject=brand)
    return secret


@joined_transaction()
def reveal_identity_secret(brand: Brand) -> str:
    """Return the secret with which the site's server signs visitors' ids, and record in the audit log that it was revealed.

    Raises DecryptionError if its encryption key is missing.
    """
    record(Action.IDENTITY_SECRET_REVEALED, workspace_id=brand.workspace_id, subject=brand)
    return decrypt(brand.encrypted_identity_secret)


def _unique_slug(workspace: Workspace, name: str) -> str:
    """Return a slug of the name, with a number appended if another brand already has it."""
    base = slugify(name)[:46] or "brand"
    taken = set(workspace.brands.filter(slug__startswith=base).values_list("slug", flat=True))
    return next(slug for slug in (base, *(f"{base}-{number}" for number in range(2, 1000))) if slug not in taken)


def new_identity_secret() -> str:
    """Return `pti_` and 256 random bits in URL-safe base64."""
    return f"pti_{secrets.token_urlsafe(32)}"
