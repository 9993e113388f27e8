"""A reverse proxy for tests that can respond instead of the server: size limits, firewalls, outages."""

import contextlib
import socket
import threading
from collections import Counter

from tests.servers import free_port

CHUNK_SIZE = 65536


class ReverseProxy:
    """Use as `with ReverseProxy(server.port) as proxy:`; clients connect to `proxy.url`.

    The proxy serves one request per connection and forwards WebSockets.

    rules: maps a path to a function that gets the Content-Length of the request. The function returns the raw
    response to send instead of the server's, NO_RESPONSE to close the connection, or None to forward the request.
    requests: the number of requests received, by path.
    """

    def __init__(self, target_port):
        self.target_port, self.port = target_port, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.rules, self.requests = {}, Counter()

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *args):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError), client:
            received = b""
            while b"\r\n\r\n" not in received:
                received += (data := client.recv(CHUNK_SIZE))
                if not data:
                    return
            head, body = received.split(b"\r\n\r\n", 1)
            path = head.split(b" ", 2)[1].decode().partition("?")[0]
            self.requests[path] += 1
            rule = self.rules.get(path)
            size = _content_length(head)
            response = rule(size) if rule else None
            if response is None:
                self._forward(client, head, body)
                return
            while len(body) < size and (data := client.recv(CHUNK_SIZE)):
                body += data
            if response is not NO_RESPONSE:
                client.sendall(response)

    def _forward(self, client, head, body):
        lines = head.split(b"\r\n")
        if not any(line.lower().startswith(b"upgrade:") for line in lines):
            lines = [line for line in lines if not line.lower().startswith(b"connection:")] + [b"Connection: close"]
        with socket.create_connection(("127.0.0.1", self.target_port)) as server:
            server.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
            upwards = threading.Thread(target=_copy_stream, args=(client, server), daemon=True)
            upwards.start()
            _copy_stream(server, client)
            upwards.join()


NO_RESPONSE = object()


def html(status, text, **headers):
    """Return a raw HTTP response with an HTML page, as proxies and firewalls write it."""
    body = f"<html><head><title>{status}</title></head><body><h1>{text}</h1></body></html>".encode()
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{more}\r\n"
    return head.encode() + body


def _content_length(head):
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


def _copy_stream(source, sink):
    with contextlib.suppress(OSError):
        for data in iter(lambda: source.recv(CHUNK_SIZE), b""):
            sink.sendall(data)
    for each in (source, sink):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
