"""`python -m tests.tcp_proxy PORT TARGET`: a TCP proxy that a test can kill to cut off what is behind it.

TARGET: host:port, or the path of a Unix socket.
"""

import contextlib
import socket
import sys
import threading

CHUNK_BYTES = 2**18


def main() -> None:
    port, target = sys.argv[1:]
    with socket.create_server(("127.0.0.1", int(port)), backlog=256) as listening:
        while True:
            client, _ = listening.accept()
            server = _connected(target)
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=_forward, args=(source, sink), daemon=True).start()


def _connected(target: str) -> socket.socket:
    if target.startswith("/"):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(target)
        return connection
    host, _, port = target.rpartition(":")
    return socket.create_connection((host, int(port)))


def _forward(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK_BYTES):
            sink.sendall(data)
    for each in (source, sink):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    main()
