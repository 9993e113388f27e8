import ipaddress
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from brands.management.arguments import add_workspace_argument, get_brand, get_workspace
from integrations.actions.api_keys import create_key
from integrations.models import ApiKey


class Command(BaseCommand):
    help = "Create an API key and print its secret, which cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the purpose of the key")
        parser.add_argument("--scope", choices=ApiKey.Scope.values, required=True)
        add_workspace_argument(parser)
        parser.add_argument("--brand", help="limit the key to the brand with this slug")
        parser.add_argument("--expires-in-days", type=int)
        parser.add_argument(
            "--allow",
            action="append",
            default=[],
            metavar="CIDR",
            help="allow requests only from this network, and exempt them from the limit per IP address; may be repeated",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = get_workspace(options["workspace"])
        days = options["expires_in_days"]
        if days is not None and not 1 <= days <= 36500:
            raise CommandError("--expires-in-days must be between 1 and 36500.")
        try:
            allowed = [str(ipaddress.ip_network(text)) for text in options["allow"]]
        except ValueError as error:
            raise CommandError(f"--allow: {error}.") from error
        key, secret = create_key(
            workspace,
            name=options["name"][:100],
            scope=options["scope"],
            brand=get_brand(workspace, options["brand"]),
            allowed_cidrs=allowed,
            expires_at=timezone.now() + timedelta(days=days) if days else None,
        )
        self.stdout.write(f"Key id: {key.pk}\nSecret (shown only once): {secret}")
