"""Serves another application as `manage.py serve --only web` serves PraxTalk: as many Daphnes, with the same options, on one
shared socket. `python -m bench.application_server bench.rest.floor:application`
"""

import os
import socket
import sys

import django
from django.core.management import call_command

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "praxtalk.settings")
django.setup()

from praxtalk.management.commands.serve import Command  # noqa: E402 - it needs the apps to be there
from praxtalk.supervisor import Child  # noqa: E402


class ServeApplication(Command):
    """`serve` with the application of the command line."""

    def _web(self, listening: socket.socket) -> list[Child]:
        children = super()._web(listening)
        for child in children:
            child.command[-1] = sys.argv[1]
        return children


if __name__ == "__main__":
    call_command(ServeApplication(), only="web")
