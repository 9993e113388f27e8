"""Webhook receivers on loopback, with the behaviour that a test needs."""

import socket
import struct
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace


@contextmanager
def receiver(*, status=200, headers=None, response=b"thanks", drip=None, hang=0.0):
    """Run a receiver and yield it: .url, .requests (each with .headers, .body, .path), .status (may be changed while
    it runs).

    drip: seconds between the bytes of the response body. hang: seconds before the response, which
    end early when the receiver is closed.
    """
    state, is_closing = SimpleNamespace(requests=[], status=status), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.requests.append(SimpleNamespace(headers=dict(self.headers.items()), body=body, path=self.path))
            is_closing.wait(hang)
            self.send_response(state.status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            content = b"" if state.status == 204 else response
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
        is_closing.set()
        server.shutdown()
        server.server_close()


RESET = object()  # a step: reset the connection
CLOSE = object()


@contextmanager
def raw_receiver(*responses):
    """Run a receiver that sends raw bytes, and yield it: .url, .bodies, .connections (the number of connections
    accepted).

    responses: a list of steps for each connection in turn; the last list serves all later connections. A step is bytes
    to send, seconds to wait, CLOSE or RESET; `...` reads the next request. Each connection starts by reading a
    request.
    """
    state = SimpleNamespace(bodies=[], connections=0)
    listening = socket.create_server(("127.0.0.1", 0))

    def read_request(connection):
        data = b""
        while b"\r\n\r\n" not in data:
            if not (piece := connection.recv(65536)):
                raise ConnectionError
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += connection.recv(65536)
        state.bodies.append(body)

    def serve(connection, steps):
        with connection, suppress(OSError):
            read_request(connection)
            for step in steps:
                if step is ...:
                    read_request(connection)
                elif step is RESET:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                elif step is CLOSE:
                    return
                elif isinstance(step, bytes):
                    connection.sendall(step)
                else:
                    time.sleep(step)
            connection.recv(65536)  # wait until the client closes

    def accept():
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                steps = responses[min(state.connections, len(responses) - 1)]
                state.connections += 1
                threading.Thread(target=serve, args=(connection, steps), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    state.url = f"http://127.0.0.1:{listening.getsockname()[1]}/hook"
    try:
        yield state
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
