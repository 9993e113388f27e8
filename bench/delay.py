"""`python -m bench.delay PORT TARGET DELAY_MS`: a TCP proxy that delays answers, as a network between two machines does.

TARGET: host:port, or the path of a Unix socket. The proxy forwards the client's data immediately, and each chunk of the
server's data after DELAY_MS. The delays of several chunks add up, so it suits protocols in which requests and responses
alternate.
"""

import contextlib
import socket
import sys
import threading
import time

CHUNK = 2**18


def main() -> None:
    port, target, milliseconds = sys.argv[1:]
    with socket.create_server(("127.0.0.1", int(port)), backlog=256) as listening:
        while True:
            client, _ = listening.accept()
            server = _connected(target)
            for connection in (client, server):
                with contextlib.suppress(OSError):  # a Unix socket has no such option
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for source, sink, seconds in ((client, server, 0.0), (server, client, float(milliseconds) / 1000)):
                threading.Thread(target=_pass_on, args=(source, sink, seconds), daemon=True).start()


def _connected(target: str) -> socket.socket:
    if target.startswith("/"):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(target)
        return connection
    host, _, port = target.rpartition(":")
    return socket.create_connection((host, int(port)))


def _pass_on(source: socket.socket, sink: socket.socket, seconds: float) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK):
            if seconds:
                time.sleep(seconds)
            sink.sendall(data)
    for each in (source, sink):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    main()
