"""A TCP proxy on loopback that can drop the server's responses, as an unreliable network does."""

import contextlib
import socket
import threading

from tests.servers import free_port


class Proxy:
    """Use as `with Proxy(server.port) as proxy:`; clients connect to `proxy.url`.

    drop_responses(): the server still receives everything, but clients receive nothing more. With `after`, each
    connection still receives frames up to the first one that contains it.
    disconnect_all(): all connections end; new ones work.
    """

    def __init__(self, target_port):
        self.target_port, self.port = target_port, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._sockets, self._lock = [], threading.Lock()
        self._last_frame_mark, self._silenced = None, set()

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *args):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.disconnect_all()

    def drop_responses(self, after=b""):
        with self._lock:
            self._last_frame_mark = after

    @property
    def silenced_count(self):
        """Return the number of connections that have received their last frame."""
        return len(self._silenced)

    def disconnect_all(self):
        with self._lock:
            ending, self._sockets = self._sockets, []
            self._last_frame_mark, self._silenced = None, set()
        for each in ending:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self.target_port))
                except OSError:
                    client.close()
                    continue
                with self._lock:
                    self._sockets += [client, server]
                threading.Thread(target=self._forward, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._forward, args=(server, client, True), daemon=True).start()

    def _forward(self, source, sink, is_response):
        with contextlib.suppress(OSError):
            for data in frames_of(source) if is_response else iter(lambda: source.recv(65536), b""):
                if not (is_response and self._is_lost(source, data)):
                    sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        source.close()

    def _is_lost(self, server, frame):
        with self._lock:
            is_lost = server not in self._sockets or server in self._silenced or self._last_frame_mark == b""
            if self._last_frame_mark is not None and self._last_frame_mark in frame:
                self._silenced.add(server)
            return is_lost


def frames_of(server):
    """Yield what a server sends: the response head, then each WebSocket frame (RFC 6455, section 5.2) with its
    header. Other responses are yielded in chunks."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += (data := server.recv(65536))
        if not data:
            return
    head, received = received.split(b"\r\n\r\n", 1)
    yield head + b"\r\n\r\n"
    if b" 101 " not in head.split(b"\r\n", 1)[0]:  # not a WebSocket: a page or one of its resources
        yield received
        yield from iter(lambda: server.recv(65536), b"")
        return
    while True:
        while (size := frame_size(received)) is None or len(received) < size:
            if not (data := server.recv(65536)):
                return
            received += data
        yield received[:size]
        received = received[size:]


def frame_size(begun):
    """Return the size of the frame including its header, or None if too few bytes have arrived. Frames of a server
    have no mask."""
    if len(begun) < 2:
        return None
    length = begun[1] & 127
    more = {126: 2, 127: 8}.get(length, 0)
    if len(begun) < 2 + more:
        return None
    return 2 + more + (int.from_bytes(begun[2 : 2 + more], "big") if more else length)
