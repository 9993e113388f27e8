"""Arguments of management commands that choose a workspace and a brand."""

from argparse import ArgumentParser

from django.core.management.base import CommandError

from accounts.models import Workspace
from brands.models import Brand
from praxtalk.core.db.ids import parse_id


def add_workspace_argument(parser: ArgumentParser) -> None:
    parser.add_argument("--workspace", help="id or name of the workspace; optional if there is only one")


def get_workspace(text: str | None) -> Workspace:
    """Return the workspace with this id or name, or the only one. Raises CommandError, which lists the workspaces."""
    workspaces = Workspace.objects.order_by("created_at")
    if text:
        pk = parse_id(text)
        workspaces = workspaces.filter(pk=pk) if pk else workspaces.filter(name=text)
    matching = list(workspaces[:2])
    if len(matching) != 1:
        names = ", ".join(
            f"{workspace.name} ({workspace.pk})" for workspace in Workspace.objects.order_by("created_at")[:20]
        )
        if not names:
            raise CommandError("There is no workspace yet. Create one with create_workspace.")
        raise CommandError(f"--workspace must be one of: {names}.")
    return matching[0]


def get_brand(workspace: Workspace, slug: str | None) -> Brand | None:
    """Return the workspace's brand with this slug, None without a slug. Raises CommandError, which lists the slugs."""
    if not slug:
        return None
    brand = workspace.brands.filter(slug=slug).first()
    if brand is None:
        slugs = ", ".join(workspace.brands.order_by("slug").values_list("slug", flat=True))
        raise CommandError(f"--brand must be one of: {slugs}.")
    return brand
