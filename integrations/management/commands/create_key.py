import ipaddress
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from brands.management.arguments import add_workspace_argument, chosen_brand, chosen_workspace
from integrations.actions.api_keys import create_key
from integrations.models import ApiKey


class Command(BaseCommand):
    help = "Create an API key. Its secret is printed this once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what it is for")
        parser.add_argument("--scope", choices=ApiKey.Scope.values, required=True)
        add_workspace_argument(parser)
        parser.add_argument("--brand", help="limit it to the brand of this slug")
        parser.add_argument("--expires-in-days", type=int)
        parser.add_argument(
            "--allow",
            action="append",
            default=[],
            metavar="CIDR",
            help="may be repeated; calls from elsewhere are refused, calls from there skip the per-IP limit",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = chosen_workspace(options["workspace"])
        days = options["expires_in_days"]
        if days is not None and not 1 <= days <= 36500:
            raise CommandError("--expires-in-days: from 1 to 36500.")
        try:
            allowed = [str(ipaddress.ip_network(text)) for text in options["allow"]]
        except ValueError as error:
            raise CommandError(f"--allow: {error}.") from error
        key, secret = create_key(
            workspace,
            name=options["name"][:100],
            scope=options["scope"],
            brand=chosen_brand(workspace, options["brand"]),
            allowed_cidrs=allowed,
            expires_at=timezone.now() + timedelta(days=days) if days else None,
        )
        self.stdout.write(f"Key id: {key.pk}\nSecret, shown this once: {secret}")
