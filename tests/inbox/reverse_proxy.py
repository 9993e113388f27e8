"""A reverse proxy as stands in front of many servers, with answers of its own: limits, firewalls, outages."""

import contextlib
import socket
import threading
from collections import Counter

from tests.servers import free_port

PIECE = 65536


class ReverseProxy:
    """`with ReverseProxy(server.port) as proxy:` - clients connect to proxy.url. One request a connection; sockets are passed on.

    rules: path -> (size, head, request headers) -> what is answered instead of the server: (status line, headers, body), DEAD, or
    None for the server's own answer.
    asked: how often each path was asked for.
    """

    def __init__(self, target_port):
        self.target_port, self.port = target_port, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.rules, self.asked = {}, Counter()

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
                received += (data := client.recv(PIECE))
                if not data:
                    return
            head, body = received.split(b"\r\n\r\n", 1)
            path = head.split(b" ", 2)[1].decode().partition("?")[0]
            self.asked[path] += 1
            rule = self.rules.get(path)
            size = _size_of(head)
            answer = rule(size) if rule else None
            if answer is None:
                self._pass_on(client, head, body)
                return
            while len(body) < size and (data := client.recv(PIECE)):
                body += data
            if answer is not DEAD:
                client.sendall(answer)

    def _pass_on(self, client, head, body):
        lines = head.split(b"\r\n")
        if not any(line.lower().startswith(b"upgrade:") for line in lines):
            lines = [line for line in lines if not line.lower().startswith(b"connection:")] + [b"Connection: close"]
        with socket.create_connection(("127.0.0.1", self.target_port)) as server:
            server.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
            upwards = threading.Thread(target=_copy, args=(client, server), daemon=True)
            upwards.start()
            _copy(server, client)
            upwards.join()


DEAD = object()


def html(status, text, **headers):
    """An answer that is a page, as a proxy or a firewall writes it."""
    body = f"<html><head><title>{status}</title></head><body><h1>{text}</h1></body></html>".encode()
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{more}\r\n"
    return head.encode() + body


def _size_of(head):
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


def _copy(source, sink):
    with contextlib.suppress(OSError):
        for data in iter(lambda: source.recv(PIECE), b""):
            sink.sendall(data)
    for each in (source, sink):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
