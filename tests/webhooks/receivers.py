"""Receivers on loopback, as a CRM would run them, with the manners that a test asks for."""

import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace


@contextmanager
def receiver(*, status=200, headers=None, answer=b"thanks", drip=None, hang=0.0):
    """Yields a receiver: .url, .requests (each .headers, .body, .path), .status (may be changed while it runs).

    drip: seconds between the bytes of the answer; hang: seconds before it.
    """
    state = SimpleNamespace(requests=[], status=status)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.requests.append(SimpleNamespace(headers=dict(self.headers.items()), body=body, path=self.path))
            time.sleep(hang)
            self.send_response(state.status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            content = b"" if state.status == 204 else answer
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            for piece in [content[index : index + 1] for index in range(len(content))] if drip else [content]:
                self.wfile.write(piece)
                time.sleep(drip or 0)

        def handle(self):
            with suppress(OSError):
                super().handle()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_port}/hook"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
