from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actions import two_factor
from accounts.audit import Action
from accounts.models import Operator


class Command(BaseCommand):
    help = "Disable two-factor authentication for an operator who has lost both the app and the recovery codes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the operator's e-mail address")

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        operator = Operator.objects.filter(email__iexact=email).first()
        if operator is None:
            raise CommandError("No operator has this e-mail address.")
        if not operator.has_two_factor:
            raise CommandError("This operator does not use two-factor authentication.")
        two_factor.disable(operator, action=Action.TWO_FACTOR_RESET)
        self.stdout.write(f"Two-factor authentication is disabled for {operator.email}.")
