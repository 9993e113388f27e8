from typing import Any

from django.core.management.base import BaseCommand, CommandError

from brands.setup_code import is_set_up, setup_url


class Command(BaseCommand):
    help = "Print the address at which the first owner creates the workspace in a browser. It is valid for three days."

    def handle(self, *args: Any, **options: Any) -> None:
        if is_set_up():
            raise CommandError("There is a workspace already. Its owners invite others at /app/team/.")
        self.stdout.write(setup_url())
