"""manage.py serve: run all processes of a node under one supervisor."""

import os
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from praxtalk import devservices, processes
from praxtalk.demo import demo_shop
from praxtalk.endpoints import Endpoint, check_free, url_host
from praxtalk.static_files import collect_static_files
from praxtalk.supervisor import Child, Plan

PARTS = ("front", "web", "sockets", "worker", "webhooks", "beat")
PORT_WAIT_SECONDS = 5
FOLDER_PREFIX = "praxtalk-node-"  # followed by the PID of the supervisor


def make_folder() -> str:
    """Create a folder for the node's Unix sockets, which only this user may read, and return its path.

    The supervisor deletes it. If the supervisor was killed, the next call of this function does.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        pid = folder.name.removeprefix(FOLDER_PREFIX).partition("-")[0]
        if pid.isdigit() and not is_running(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)
    return tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}-")


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it runs as another user
    return True


class Command(BaseCommand):
    help = "Run the reverse proxy, the web and WebSocket servers, the workers and the scheduler until Ctrl-C."
    requires_system_checks: list[str] = []  # noqa: RUF012 - as Django declares it

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--only",
            default=",".join(PARTS),
            help=f"comma-separated parts to run: {','.join(PARTS)}. Run beat on one node only. "
            "Without front, web or sockets listens on PORT.",
        )

    def handle(self, *args: Any, only: str, **options: Any) -> None:
        parts = [part.strip() for part in only.split(",")]
        if unknown := set(parts) - set(PARTS):
            raise CommandError(f"Unknown part: {', '.join(unknown)}. Available parts: {', '.join(PARTS)}.")
        servers: list[str] = [part for part in ("front", "web", "sockets") if part in parts]
        if servers not in ([], ["web"], ["sockets"], ["front", "web", "sockets"]):
            raise CommandError("Run front, web and sockets together, or web or sockets without the other two.")
        if servers:
            self._wait_for_port(settings.PORT)
            self.report(f"Starting on {settings.BASE_URL} ...")
        workers = [worker for part, worker in processes.workers().items() if part in parts]
        folder = make_folder()
        plan = replace(self._plan(servers, folder, workers), devservices_folder=devservices.folder_in_use())
        devservices.inherit_locks()
        plan.execute()

    def report(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def _plan(self, servers: list[str], folder: str, workers: list[Child]) -> Plan:
        host = urlsplit(settings.BASE_URL).netloc
        port = Endpoint(host=settings.HOST, port=settings.PORT)
        numbers = range(1, settings.SOCKET_PROCESSES + 1)
        if not servers:
            return Plan(folder, workers)
        if servers != ["sockets"]:
            collect_static_files()  # pages link to the hashed file names
        if servers == ["web"]:
            return Plan(folder, [processes.web(port), *workers], host, [port], health=port)
        if servers == ["sockets"]:
            return Plan(folder, [*(processes.sockets(port, number) for number in numbers), *workers], host, [port])
        web = Endpoint(str(Path(folder, "web.sock")))
        sockets = [Endpoint(str(Path(folder, f"sockets.{number}.sock"))) for number in numbers]
        try:
            children = [processes.reverse_proxy(web, sockets), processes.web(web)]
        except FileNotFoundError as error:
            raise CommandError(str(error)) from error
        children += [processes.sockets(endpoint, number) for number, endpoint in enumerate(sockets, 1)]
        children += self._demo_shop()
        return Plan(folder, children + workers, host, [port, *sockets], health=web)

    def _wait_for_port(self, port: int) -> None:
        address = f"{url_host(settings.HOST)}:{port}"
        for second in range(PORT_WAIT_SECONDS + 1):
            try:
                check_free(settings.HOST, port)
                return
            except OSError as error:
                if second == PORT_WAIT_SECONDS:
                    raise CommandError(
                        f"{address} cannot be used ({error.strerror}). Is PraxTalk already running? "
                        "Stop it, or choose another port: PORT=8010 make run."
                    ) from error
                if second == 0:
                    self.report(f"{address}: {error.strerror}; waiting {PORT_WAIT_SECONDS} s ...")
                time.sleep(1)

    def _demo_shop(self) -> list[Child]:
        """Return the process of the demo shop, if any. If its port is in use, the node starts without it."""
        shop = demo_shop()
        if shop is None:
            return []
        try:
            check_free(settings.HOST, shop.port)
        except (OSError, OverflowError) as error:
            self.report(f"No demo shop: port {shop.port} cannot be used ({error}).")
            return []
        self.report(f"Demo shop   {shop.url}")
        return [processes.demo_shop(shop)]
