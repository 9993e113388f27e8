from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actions.operator_tokens import issue_token
from accounts.models import Operator

MAX_HOURS = 12


class Command(BaseCommand):
    help = "Create and print an operator token, with which a page or a script runs live queries as this operator."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the operator's e-mail address")
        parser.add_argument(
            "--hours", type=int, default=MAX_HOURS, help=f"lifetime of the token in hours, 1 to {MAX_HOURS}"
        )

    def handle(self, *args: Any, email: str, hours: int, **options: Any) -> None:
        if not 1 <= hours <= MAX_HOURS:
            raise CommandError(f"--hours must be between 1 and {MAX_HOURS}.")
        operator = Operator.objects.filter(email__iexact=email, is_active=True).first()
        if operator is None:
            raise CommandError("No active operator has this e-mail address.")
        token, _ = issue_token(operator, lifetime=timedelta(hours=hours))
        self.stdout.write(token)
