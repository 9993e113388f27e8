"""A receiver of PraxTalk webhooks: Python 3.10 or later, standard library only.

PRAXTALK_WEBHOOK_SECRET=whsec_... python receiver.py
"""

import contextlib
import hashlib
import hmac
import json
import os
import re
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = os.environ.get("PRAXTALK_WEBHOOK_SECRET", "")
PORT = int(os.environ.get("PORT", "9000"))
MAX_BODY = 1024 * 1024  # bytes
MAX_SEEN = 10_000  # event ids


def handle(event: dict[str, Any]) -> None:
    """Your code goes here: event["type"] says what happened, event["data"] holds the objects. Ignore types you do not use.

    PraxTalk waits 15 seconds for the answer. Put slow work into a queue and return; an exception makes PraxTalk send the
    event again.
    """
    print(event["type"], event["id"], flush=True)


FIVE_MINUTES = 300  # seconds


def verify(raw_body: bytes, header: str, secret: str, now: float | None = None) -> bool:
    """raw_body: the bytes as they arrived. header: X-PraxTalk-Signature. secret: the whole whsec_... string."""
    time_field, *fields = header.split(",")
    if not re.fullmatch(r"t=[0-9]{1,12}", time_field):
        return False
    timestamp = time_field.removeprefix("t=")
    if abs((time.time() if now is None else now) - int(timestamp)) > FIVE_MINUTES:
        return False
    mac = hmac.new(secret.encode(), timestamp.encode() + b"." + raw_body, hashlib.sha256)
    expected = b"v1=" + mac.hexdigest().encode()
    # While the secret is being changed there are two v1, one for each secret. Any will do, so you can switch at any moment.
    return any(hmac.compare_digest(expected, field.encode()) for field in fields)


# In earnest: a table with a unique key on the event's id, written in one transaction with what handle() writes. This set is
# lost with the process, and each process has its own.
seen: dict[str, None] = {}
lock = threading.Lock()


def is_new(event_id: str) -> bool:
    """Whether this id was not seen before; from now on it was."""
    with lock:
        if event_id in seen:
            return False
        seen[event_id] = None
        if len(seen) > MAX_SEEN:
            del seen[next(iter(seen))]  # the oldest
        return True


def unmark(event_id: str) -> None:
    with lock:
        seen.pop(event_id, None)


class Receiver(BaseHTTPRequestHandler):
    timeout = 15  # seconds that a sender may be silent

    def do_POST(self) -> None:
        try:
            status = self.receive()
        except Exception:
            traceback.print_exc()
            status = 500
        self.send_response(status)
        self.end_headers()

    def receive(self) -> int:
        """The status to answer with."""
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"[0-9]{1,12}", length):
            return 400
        raw_body = self.rfile.read(min(int(length), MAX_BODY + 1))
        if len(raw_body) > MAX_BODY:
            return 413
        if not verify(raw_body, self.headers.get("X-PraxTalk-Signature", ""), SECRET):
            return 400
        event = json.loads(raw_body)
        if is_new(event["id"]):
            try:
                handle(event)
            except BaseException:
                unmark(event["id"])  # it will come again
                raise
        return 204

    def log_message(self, *args: object) -> None:
        """Nothing: handle() prints each event."""


if __name__ == "__main__":
    if not SECRET:
        sys.exit("Set PRAXTALK_WEBHOOK_SECRET to the whsec_... that PraxTalk showed.")
    # On loopback: a web server with a certificate stands in front and passes the body on untouched.
    with ThreadingHTTPServer(("127.0.0.1", PORT), Receiver) as server, contextlib.suppress(KeyboardInterrupt):
        print(f"Listening on http://127.0.0.1:{PORT}/", file=sys.stderr)
        server.serve_forever()
