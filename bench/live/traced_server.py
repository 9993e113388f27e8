"""Serves the traced application as `manage.py serve --only web` serves PraxTalk."""

import os
import socket

import django
from django.core.management import call_command

from praxtalk.management.commands.serve import Command
from praxtalk.supervisor import Child


class TracedCommand(Command):
    """`serve --only web` with the other application."""

    def _web(self, listening: socket.socket) -> list[Child]:
        children = super()._web(listening)
        for child in children:
            child.command[-1] = "bench.live.traced:application"
        return children


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "praxtalk.settings")
    django.setup()
    call_command(TracedCommand(), only="web")
