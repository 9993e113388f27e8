"""manage.py devservices: run PostgreSQL and Valkey for development."""

import argparse
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from praxtalk import devservices


class Command(BaseCommand):
    """manage.py runs this command before the settings are loaded, because it sets the variables that they require."""

    help = (
        "Run a command with PostgreSQL and Valkey for development, which keep their data under DATA_DIR. "
        "Without a command: keep them running until Ctrl-C."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012 - as Django declares it

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("command", nargs=argparse.REMAINDER, help="for example: python manage.py shell")

    def handle(self, *args: Any, command: list[str], **options: Any) -> None:
        if command[:1] == ["--"]:
            command = command[1:]
        if command:
            devservices.run(command)
        devservices.start()
        path = devservices.write_environment()
        self.stdout.write(
            "PostgreSQL and Valkey are running. In another terminal manage.py uses them by itself. For other programs:\n"
            f"  . {path}\nCtrl-C stops them."
        )
        self.stdout.flush()
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)
        try:
            signal.pause()
        except KeyboardInterrupt:
            path.unlink(missing_ok=True)
