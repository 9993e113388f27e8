from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from brands.management.arguments import add_workspace_argument, chosen_brand, chosen_workspace
from integrations.actions.subscriptions import TooManyWebhooks, create_webhook
from integrations.models import MAX_DESCRIPTION, EventName
from praxtalk.core.http.addresses import ForbiddenUrl, check_url


class Command(BaseCommand):
    help = "Send events to a URL from now on. The signing secret is printed this once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("url")
        parser.add_argument(
            "--event", action="append", choices=EventName.values, help="may be repeated; all unless told"
        )
        parser.add_argument("--description", default="")
        add_workspace_argument(parser)
        parser.add_argument("--brand", help="only events of the brand of this slug")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = chosen_workspace(options["workspace"])
        try:
            webhook, secret = create_webhook(
                workspace,
                url=check_url(options["url"]),
                events=[EventName(value) for value in options["event"] or EventName.values],
                brand=chosen_brand(workspace, options["brand"]),
                description=options["description"][:MAX_DESCRIPTION],
            )
        except (ForbiddenUrl, TooManyWebhooks) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Webhook id: {webhook.pk}\nSigning secret, shown this once: {secret}")
