"""Serves the floor as `manage.py serve` serves PraxTalk: as many Daphnes, with the same options, on one shared socket."""

import os
import socket

import django
from django.core.management import call_command

from praxtalk.management.commands.serve import Command
from praxtalk.supervisor import Child


class FloorCommand(Command):
    """`serve --only web` with the other application."""

    def _web(self, listening: socket.socket) -> list[Child]:
        children = super()._web(listening)
        for child in children:
            child.command[-1] = "bench.rest.floor:application"
        return children


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "praxtalk.settings")
    django.setup()
    call_command(FloorCommand(), only="web")
