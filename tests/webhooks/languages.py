"""The example receivers under docs/receivers/, each run in its own process by its language."""

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
    heading: str  # heading of its section in docs/webhooks.md
    file: str
    tool: str
    package: str
    print_line: str  # the line of handle() that prints the event
    failing_line: str  # a line that raises an error, to replace `print_line`


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
        """Return the lines printed by handle(). Receivers print before they respond, so the list is complete after post()."""
        return (self.folder / "stdout").read_text().splitlines()

    def post(self, body, header):
        """Send a POST request. Returns the status, or None if the connection was closed without a response."""
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


def require_language(language):
    if not shutil.which(language.tool):
        missing = f"no {language.tool} here (apt-get install {language.package})"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
