import hashlib
import hmac
import json
import re
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

MAX_AGE_SECONDS = 300


class Command(BaseCommand):
    help = "Receive webhooks for testing: print each event and whether its signature is valid."
    requires_system_checks: list[str] = []  # noqa: RUF012 - an attribute that Django defines

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("secret", help="the whsec_... that create_webhook printed")
        parser.add_argument("--port", type=int, default=9000)

    def handle(self, *args: Any, secret: str, port: int, **options: Any) -> None:
        command = self

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                is_valid = verify(secret, self.headers.get("X-PraxTalk-Signature", ""), body)
                self.send_response(204 if is_valid else 400)
                self.end_headers()
                name, verdict = self.headers.get("X-PraxTalk-Event"), "valid" if is_valid else "INVALID"
                command.stdout.write(f"{name}, signature {verdict}: {json.dumps(json.loads(body))}\n")
                command.stdout.flush()

            def log_message(self, *args: Any) -> None:
                """Disable the log of requests, because do_POST prints a line for each event."""

        self.stdout.write(f"Listening on http://127.0.0.1:{port}/. Press Ctrl-C to stop.")
        try:
            ThreadingHTTPServer(("127.0.0.1", port), Receiver).serve_forever()
        except KeyboardInterrupt:
            self.stdout.write("")


def verify(secret: str, header: str, body: bytes) -> bool:
    """Return whether the signature is valid, with the checks that every receiver should make.

    Recompute the signature, compare it in constant time, and reject timestamps that differ by more than 5 minutes. During a
    rotation of the secret there are two v1, one for each secret; either of them may match.
    """
    time_field, *fields = header.split(",")
    if not re.fullmatch(r"t=[0-9]{1,12}", time_field):
        return False
    timestamp = time_field.removeprefix("t=")
    if abs(time.time() - int(timestamp)) > MAX_AGE_SECONDS:
        return False
    expected = b"v1=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest().encode()
    return any(hmac.compare_digest(expected, field.encode()) for field in fields)
