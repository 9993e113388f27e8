import json
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from brands.actions import configure_widget, rotate_identity_secret
from brands.models import Brand


class Command(BaseCommand):
    help = "Change how a brand's widget looks and behaves, and on which sites it may be."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("widget_id", help="ws_...")
        parser.add_argument("--color", dest="primary_color", help="#rrggbb")
        parser.add_argument("--side", choices=Brand.Side.values)
        parser.add_argument("--greeting", help="the line over the form; empty for one in the visitor's language")
        parser.add_argument("--privacy-url", help="linked from the form")
        parser.add_argument(
            "--allowed-domain",
            dest="allowed_domains",
            action="append",
            help="a site that may carry the widget, such as shop.example.com or *.example.com; again for more; "
            "one empty one for any site",
        )
        parser.add_argument("--hours", dest="business_hours", type=json.loads, help='{"mon": ["09:00-17:30"], ...}')
        parser.add_argument("--time-zone", help="of the hours, such as Europe/Berlin")
        parser.add_argument(
            "--new-identity-secret",
            action="store_true",
            help="print a new secret with which your server signs who a visitor is; the one before ends",
        )

    def handle(self, *args: Any, widget_id: str, new_identity_secret: bool, **options: Any) -> None:
        brand = Brand.objects.filter(widget_id=widget_id).first()
        if brand is None:
            raise CommandError("No brand has this widget id.")
        names = ("primary_color", "side", "greeting", "privacy_url", "allowed_domains", "business_hours", "time_zone")
        values = {name: options[name] for name in names if options[name] is not None}
        if values.get("allowed_domains") == [""]:
            values["allowed_domains"] = []
        try:
            configure_widget(brand, **values)
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        if new_identity_secret:
            self.stdout.write(rotate_identity_secret(brand))
        if values:
            self.stdout.write(f"Changed: {', '.join(values)}.")
