"""Serve another application in the same way as `manage.py serve` serves PraxTalk.

python -m bench.application_server web bench.rest.baseline:application
    Granian on PORT, with the ASGI interface and the same number of workers.
python -m bench.application_server sockets bench.live.traced:application
    The WebSocket servers of `serve --only sockets`, with this application.
"""

import os
import sys
from typing import Any

import django
from django.core.management import call_command

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "praxtalk.settings")
django.setup()

from django.conf import settings  # noqa: E402 - after django.setup()

from praxtalk import processes  # noqa: E402
from praxtalk.endpoints import Endpoint  # noqa: E402
from praxtalk.management.commands.serve import Command  # noqa: E402
from praxtalk.supervisor import Plan  # noqa: E402


class ServeApplication(Command):
    """The command `serve`, whose WebSocket servers run the application of the command line."""

    def _plan(self, *arguments: Any) -> Plan:
        plan = super()._plan(*arguments)
        for child in plan.children:
            if child.name.startswith("sockets"):
                child.command.append(sys.argv[2])
        return plan


def serve_web() -> None:
    command = processes.web(Endpoint(host=settings.HOST, port=settings.PORT)).command
    command[command.index("wsgi")] = "asgi"
    threads = command.index("--blocking-threads")
    del command[threads : threads + 2]  # ASGI uses an event loop instead
    command[-1] = sys.argv[2]
    os.execv(command[0], command)


if __name__ == "__main__":
    if sys.argv[1] == "web":
        serve_web()
    else:
        call_command(ServeApplication(), only="sockets")
