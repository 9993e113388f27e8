"""A running `manage.py serve` on the test database."""

import contextlib
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

from django.conf import settings
from django.db import connection

from praxtalk.endpoints import url_host

PROJECT = Path(__file__).resolve().parent.parent
UP_SECONDS = 150
WEB = ("--only", "front,web,sockets")  # the processes that serve requests, without workers


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def database_url(name=None):
    """Return the URL of the test database, in the format of DATABASE_URL."""
    options = connection.settings_dict
    host = options["OPTIONS"].get("host") or options["HOST"]
    user, password, port = options["USER"], options["PASSWORD"], options["PORT"] or 5432
    return f"postgresql://{user}:{password}@/{name or options['NAME']}?host={host}&port={port}"


def valkey_url():
    return settings.REDIS_URL


class Server:
    """Use as `with Server() as server:`. It is running inside the block; afterwards all its processes are gone."""

    command = (sys.executable, "manage.py", "serve")

    def __init__(self, *arguments, port=None, host=None, **environment):
        """Store the command's arguments and environment. host: the address to listen on; then BASE_URL keeps its default."""
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}" if host in (None, "::") else f"http://{url_host(host)}:{self.port}"
        self.arguments = arguments
        self.lines = []
        self.environment = os.environ | {
            "DATABASE_URL": database_url(),
            "REDIS_URL": valkey_url(),
            "PORT": str(self.port),
            "BASE_URL": self.url,
            "TRUSTED_PROXIES": "127.0.0.0/8",
            "WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8",
            "LOG_LEVEL": "INFO",
            "DATA_DIR": str(PROJECT / ".data" / "test"),  # a folder without a demo workspace
            **dict.fromkeys(("RATE_LIMIT_IP", "RATE_LIMIT_READ_KEY", "RATE_LIMIT_WRITE_KEY"), "1000000"),
            **environment,
        }
        if host is not None:
            del self.environment["BASE_URL"]
            self.environment["HOST"] = host

    def __enter__(self):
        command = [*self.command, *self.arguments]
        self.process = subprocess.Popen(
            command, cwd=PROJECT, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.wait_for_line("Up after")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *args):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(90)
        finally:
            for pid in self.pids.values():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._reader.join(5)

    def kill(self):
        """Kill all processes with SIGKILL, as a power failure would."""
        for pid in self.pids.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.wait_for_end()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    @property
    def output(self):
        return "\n".join(self.lines)

    @property
    def pids(self):
        """Return the pids of its processes, including restarted ones: {"web": 123, ..., "serve": 122}."""
        lines = [line for line in self.lines if line.startswith("Up after") or "; started again (" in line]
        found = {
            name: int(pid)
            for line in lines
            for name, pid in re.findall(r"([a-z.0-9]+) (\d+)[,)]", line.rpartition("(")[2])
        }
        return {**found, "serve": self.process.pid}

    def wait_for_line(self, text):
        deadline = time.monotonic() + UP_SECONDS
        while text not in self.output:
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.05)

    def wait_for_end(self):
        """Wait until it and all its processes have ended, and return its exit status."""
        status = self.process.wait(90)
        deadline = time.monotonic() + 60
        while any(is_running(pid) for pid in self.pids.values()):
            assert time.monotonic() < deadline, self.pids
            time.sleep(0.1)
        return status


class HttpsServer(Server):
    """As `DOMAIN=localhost make run`: HTTPS with a certificate of Caddy's own certificate authority, without workers.

    root: the file with the authority's certificate. tls: an SSLContext that trusts it.
    """

    root = PROJECT / ".data/test/caddy/pki/authorities/local/root.crt"

    def __init__(self):
        port, self.http_port = free_port(), free_port()
        environment = {"DOMAIN": "localhost", "HTTP_PORT": str(self.http_port), "HOST": "127.0.0.1"}
        url = f"https://localhost:{port}"
        super().__init__(*WEB, port=port, WEB_PROCESSES="1", TRUSTED_PROXIES="", BASE_URL=url, **environment)
        self.url = url

    def __enter__(self):
        super().__enter__()
        deadline = time.monotonic() + UP_SECONDS
        while not self._is_signed():
            assert time.monotonic() < deadline, self.output
            time.sleep(0.1)
        return self

    def _is_signed(self):
        """Return whether the certificate has been issued. Caddy issues it during startup."""
        try:
            self.tls = ssl.create_default_context(cafile=self.root)
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as plain:
                self.tls.wrap_socket(plain, server_hostname="localhost").close()
        except OSError:
            return False
        return True


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
