from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from brands.management.arguments import add_workspace_argument, get_brand, get_workspace
from integrations.actions.subscriptions import TooManyWebhooks, create_webhook
from integrations.models import MAX_DESCRIPTION_LENGTH, EventName
from praxtalk.core.http.addresses import ForbiddenUrl, check_url


class Command(BaseCommand):
    help = "Create a webhook, which sends events to a URL, and print its signing secret."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("url")
        parser.add_argument(
            "--event", action="append", choices=EventName.values, help="may be repeated; default: all events"
        )
        parser.add_argument("--description", default="")
        add_workspace_argument(parser)
        parser.add_argument("--brand", help="send only events of the brand with this slug")

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = get_workspace(options["workspace"])
        try:
            webhook, secret = create_webhook(
                workspace,
                url=check_url(options["url"]),
                events=[EventName(value) for value in options["event"] or EventName.values],
                brand=get_brand(workspace, options["brand"]),
                description=options["description"][:MAX_DESCRIPTION_LENGTH],
            )
        except (ForbiddenUrl, TooManyWebhooks) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Webhook id: {webhook.pk}\nSigning secret (shown only once): {secret}")
