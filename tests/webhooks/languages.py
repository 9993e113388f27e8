"""The receivers under docs/receivers/ in their languages, each running as a process of its own."""

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

UP_SECONDS = 60


class Language(NamedTuple):
    heading: str  # in docs/webhooks.md
    file: str
    tool: str
    package: str
    prints: str  # the line of handle() that prints
    fails: str  # one to put in its place


LANGUAGES = {
    "python": Language(
        "Python",
        "receiver.py",
        sys.executable,
        "python3",
        'print(event["type"], event["id"], flush=True)',
        'raise ValueError("not today")',
    ),
    "node": Language(
        "Node",
        "receiver.mjs",
        "node",
        "nodejs",
        "console.log(event.type, event.id);",
        'throw new Error("not today");',
    ),
    "php": Language(
        "PHP",
        "receiver.php",
        "php",
        "php-cli",
        "file_put_contents('php://stdout', $event['type'] . ' ' . $event['id'] . \"\\n\");",
        "throw new Exception('not today');",
    ),
    "go": Language(
        "Go",
        "receiver.go",
        "go",
        "golang-go",
        "fmt.Println(event.Type, event.ID)",
        'panic(fmt.Sprint("not today"))',
    ),
}


class Receiver(NamedTuple):
    port: int
    process: subprocess.Popen
    folder: Path

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"

    @property
    def lines(self):
        """What handle() printed. A receiver prints before it answers, so nothing is still to come."""
        return (self.folder / "stdout").read_text().splitlines()

    def post(self, body, header):
        """The status of the answer; None if the connection was closed without one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=40)
        headers = {"Content-Type": "application/json; charset=utf-8"}
        with contextlib.closing(connection), contextlib.suppress(http.client.RemoteDisconnected):
            connection.request(
                "POST", "/", body, headers if header is None else {**headers, "X-PraxTalk-Signature": header}
            )
            return connection.getresponse().status

    def wait_until_up(self):
        deadline = time.monotonic() + UP_SECONDS
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert self.process.poll() is None, (self.folder / "stderr").read_text()
            assert time.monotonic() < deadline, "It does not listen."
            time.sleep(0.02)


def need(language):
    if not shutil.which(language.tool):
        missing = f"no {language.tool} here (apt-get install {language.package})"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
