from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actions import two_factor
from accounts.audit import Action
from accounts.models import Operator


class Command(BaseCommand):
    help = "Switch somebody's two-factor sign-in off, for an owner who has lost both app and recovery codes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the operator's")

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        operator = Operator.objects.filter(email__iexact=email).first()
        if operator is None:
            raise CommandError("No operator has this e-mail address.")
        if not operator.has_two_factor:
            raise CommandError("It is off already.")
        two_factor.switch_off(operator, action=Action.TWO_FACTOR_RESET)
        self.stdout.write(f"{operator.email} signs in with the password alone now.")
