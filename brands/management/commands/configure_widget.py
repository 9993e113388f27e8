import json
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from brands.actions import WIDGET_FIELDS, configure_widget, rotate_identity_secret
from brands.models import Brand


class Command(BaseCommand):
    help = "Configure the appearance and behaviour of a brand's widget, and the sites that may embed it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("widget_id", help="id of the widget, ws_...")
        parser.add_argument("--color", dest="primary_color", help="#rrggbb")
        parser.add_argument("--side", choices=Brand.Side.values)
        parser.add_argument(
            "--greeting", help="text above the form; empty for the default text in the visitor's language"
        )
        parser.add_argument("--privacy-url", help="privacy policy that the form links to")
        parser.add_argument(
            "--allowed-domain",
            dest="allowed_domains",
            action="append",
            help="a site that may embed the widget, such as shop.example.com or *.example.com; may be repeated; "
            "an empty value allows every site",
        )
        parser.add_argument("--hours", dest="business_hours", type=json.loads, help='{"mon": ["09:00-17:30"], ...}')
        parser.add_argument("--time-zone", help="time zone of the business hours, such as Europe/Berlin")
        parser.add_argument("--email-from", help="sender of e-mails to visitors; empty for EMAIL_FROM")
        parser.add_argument(
            "--new-identity-secret",
            action="store_true",
            help="create and print a new secret for signing visitors' ids; the previous secret stops working",
        )

    def handle(self, *args: Any, widget_id: str, new_identity_secret: bool, **options: Any) -> None:
        brand = Brand.objects.filter(widget_id=widget_id).first()
        if brand is None:
            raise CommandError("No brand has this widget id.")
        values = {name: options[name] for name in WIDGET_FIELDS if options[name] is not None}
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
