from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from brands.management.arguments import add_workspace_argument, get_brand, get_workspace
from conversations.actions import start_conversation
from conversations.models import MAX_BODY_LENGTH, Channel, Visitor


class Command(BaseCommand):
    help = "Start a conversation as a visitor, for example to try out webhooks and the API."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("message")
        parser.add_argument("--name", default="Maya A.")
        parser.add_argument("--email", default="maya@acme.example")
        add_workspace_argument(parser)
        parser.add_argument("--brand", help="the brand's slug (default: the workspace's first brand)")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = get_workspace(options["workspace"])
        brand = get_brand(workspace, options["brand"]) or workspace.brands.order_by("created_at").first()
        message = options["message"].strip()
        if brand is None:
            raise CommandError("The workspace has no brand.")
        if not 1 <= len(message) <= MAX_BODY_LENGTH:
            raise CommandError(f"The message must have 1 to {MAX_BODY_LENGTH:,} characters.")
        visitor = Visitor.objects.create(
            workspace=workspace, brand=brand, name=options["name"][:200], email=options["email"][:254]
        )
        conversation = start_conversation(visitor, body=message, channel=Channel.WIDGET)
        self.stdout.write(f"Conversation {conversation.pk}")
