"""manage.py serve: everything a node runs, under one parent."""

import socket
import sys
import time
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from praxtalk.demo import DemoShop, demo_shop
from praxtalk.listening import in_url, listening_socket, local_url
from praxtalk.supervisor import Child, Supervisor, python

PARTS = ("web", "worker", "webhooks", "beat")
BACKLOG = 1024
MAX_FRAME = str(4 * 1024 * 1024)  # far above what is accepted: a client sends a frame that is cut off for ever
WAIT_FOR_PORT_SECONDS = 5


class Command(BaseCommand):
    help = "Run the web servers, the workers and the beat until Ctrl-C."
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's own declaration

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--only", default=",".join(PARTS), help=f"parts of: {','.join(PARTS)} (one beat in all)")

    def handle(self, *args: Any, only: str, **options: Any) -> None:
        parts = [part.strip() for part in only.split(",")]
        if unknown := set(parts) - set(PARTS):
            raise CommandError(f"Unknown part: {', '.join(unknown)}. There are: {', '.join(PARTS)}.")
        children, is_up = [], lambda: True
        if "web" in parts:
            listening = self._listen()
            children += self._web(listening)
            is_up = self._answers
            self.say(f"Starting on {settings.BASE_URL} ...")
            if shop := demo_shop():
                children += self._shop(shop)
        children += [worker for part, worker in _workers().items() if part in parts]
        sys.exit(Supervisor(children, is_up=is_up, say=self.say).run())

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def _listen(self) -> socket.socket:
        """The one socket that all web processes share; the kernel hands each connection to one of them."""
        place = f"{in_url(settings.HOST)}:{settings.PORT}"
        for second in range(WAIT_FOR_PORT_SECONDS + 1):
            try:
                listening = listening_socket(settings.HOST, settings.PORT)
                listening.listen(BACKLOG)
                return listening
            except OSError as error:
                if second == WAIT_FOR_PORT_SECONDS:
                    raise CommandError(
                        f"{place} cannot be used ({error.strerror}). Is PraxTalk running already? "
                        "Stop it, or choose another port: PORT=8010 make run."
                    ) from error
                if second == 0:
                    self.say(f"{place}: {error.strerror}; waiting {WAIT_FOR_PORT_SECONDS} s ...")
                time.sleep(1)
        raise AssertionError

    def _web(self, listening: socket.socket) -> list[Child]:
        descriptor = listening.fileno()
        command = python("-m", "daphne", "--fd", str(descriptor), "--verbosity", "0", "--no-server-name")
        command += ["--ping-interval", "20", "--ping-timeout", "30"]
        command += ["--websocket-max-message-size", MAX_FRAME, "--websocket-max-frame-size", MAX_FRAME]
        command += ["praxtalk.asgi:application"]
        return [Child(f"web.{number}", command, 0, (descriptor,)) for number in range(1, settings.WEB_PROCESSES + 1)]

    def _shop(self, shop: DemoShop) -> list[Child]:
        """The demo's shop; nothing where its port is taken, which is no reason to stay down."""
        try:
            self._shop_listening = listening_socket(
                settings.HOST, shop.port
            )  # kept open until the child has inherited it
            self._shop_listening.listen(BACKLOG)
        except (OSError, OverflowError) as error:
            self.say(f"No demo shop: port {shop.port} cannot be used ({error}).")
            return []
        descriptor = self._shop_listening.fileno()
        command = python("-m", "praxtalk.demo_shop", "--fd", str(descriptor))
        command += ["--host", settings.BASE_URL, "--widget-id", shop.widget_id]
        self.say(f"Demo shop   {shop.url}")
        return [Child("shop", command, 0, (descriptor,))]

    def _answers(self) -> bool:
        url = f"{local_url(settings.HOST, settings.PORT)}/healthz"
        request = urllib.request.Request(url, headers={"Host": urlsplit(settings.BASE_URL).netloc})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=1) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except OSError:
            return False


def _workers() -> dict[str, Child]:
    def celery(*arguments: str) -> list[str]:
        return python("-m", "celery", "--quiet", "--app", "praxtalk", *arguments, "--loglevel", "WARNING")

    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--pool", "threads")
    return {
        "worker": Child("worker", celery("worker", "--queues", "default", "--concurrency", "2", *quiet), 1),
        "webhooks": Child("webhooks", celery("worker", "--queues", "webhooks", "--concurrency", "2", *quiet), 1),
        "beat": Child("beat", celery("beat", "--scheduler", "celery.beat.Scheduler", "--pidfile="), 0),
    }
