"""A TCP proxy on loopback that can lose what the server answers, as a bad network does."""

import contextlib
import socket
import threading

from tests.servers import free_port


class Proxy:
    """`with Proxy(server.port) as proxy:` - clients connect to proxy.url.

    hush(): the server still gets everything, the clients get nothing more. cut(): all connections end, and new ones work.
    """

    def __init__(self, target_port):
        self.target_port, self.port = target_port, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.is_hushed = False
        self._sockets, self._lock = [], threading.Lock()

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *args):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def hush(self):
        self.is_hushed = True

    def cut(self):
        with self._lock:
            ending, self._sockets = self._sockets, []
            self.is_hushed = False
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
                threading.Thread(target=self._pass_on, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._pass_on, args=(server, client, True), daemon=True).start()

    def _pass_on(self, source, sink, is_answer):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                with self._lock:
                    is_lost = is_answer and self.is_hushed and source in self._sockets
                if not is_lost:
                    sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        source.close()
