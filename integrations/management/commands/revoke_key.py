from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from integrations.actions.api_keys import digest, revoke_key
from integrations.models import ApiKey
from praxtalk.core.db.ids import parse_id


class Command(BaseCommand):
    help = "Revoke an API key immediately. Without an argument, list all keys."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key", nargs="?", help="the id or the secret of the key")

    def handle(self, *args: Any, key: str | None, **options: Any) -> None:
        if key is None:
            for row in ApiKey.objects.select_related("workspace").order_by("created_at"):
                state = "revoked" if row.revoked_at else "valid" if row.is_valid_at(timezone.now()) else "expired"
                self.stdout.write(f"{row.pk}  {row.workspace.name}  {row}  {row.scope}  {state}")
            return
        key_id = parse_id(key)
        found = ApiKey.objects.filter(pk=key_id) if key_id else ApiKey.objects.filter(digest=digest(key))
        named = found.first()
        if named is None:
            raise CommandError("API key not found.")
        self.stdout.write("Revoked." if revoke_key(named) else "The key was already revoked.")
