import getpass
import sys
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from brands.actions import create_workspace


class Command(BaseCommand):
    help = "Create a workspace with its first brand and its owner. Prompts for the password, or reads it from standard input."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--brand", help="name of the first brand; default: the name of the workspace")
        parser.add_argument("--email", required=True, help="e-mail address of the owner, used to sign in")
        parser.add_argument("--owner", required=True, help="name of the owner")

    def handle(self, *args: Any, name: str, brand: str | None, email: str, owner: str, **options: Any) -> None:
        password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        try:
            workspace = create_workspace(
                name=name, brand_name=brand or name, owner_email=email, owner_name=owner, password=password
            )
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        self.stdout.write(f"Workspace {workspace.name}: {workspace.pk}")
        for first_brand in workspace.brands.all():
            self.stdout.write(f"Brand {first_brand.slug}: widget id {first_brand.widget_id}")
