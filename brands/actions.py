"""Beginning a workspace."""

from django.contrib.auth.password_validation import validate_password
from django.db import transaction
from django.utils.text import slugify

from brands.models import Brand, Operator, Workspace
from brands.scope import topics_of
from praxtalk.live.topics import changed


@transaction.atomic
def create_workspace(*, name: str, brand_name: str, owner_email: str, owner_name: str, password: str) -> Workspace:
    """A workspace with its first brand and its owner. Raises Django's ValidationError."""
    workspace = Workspace(name=name)
    workspace.full_clean()
    workspace.save()
    create_brand(workspace, name=brand_name)
    owner = Operator(workspace=workspace, email=owner_email, name=owner_name, role=Operator.Role.OWNER)
    validate_password(password, owner)
    owner.set_password(password)
    owner.full_clean()
    owner.save()
    return workspace


@transaction.atomic
def create_brand(workspace: Workspace, *, name: str, primary_color: str = "#2563eb") -> Brand:
    """A brand with a widget id of its own. Raises Django's ValidationError."""
    brand = Brand(workspace=workspace, name=name, slug=slugify(name)[:50] or "brand", primary_color=primary_color)
    brand.full_clean()
    brand.save()
    changed(*topics_of("brands", workspace.pk, brand.pk))
    return brand
