"""Frames that are written at once arrive whole and in order, also where the kernel does not take them at once."""

import contextlib
import socket
import subprocess
import sys
import time

import pytest

CHUNKS = [bytes([number]) * 300_000 for number in range(40)]

# Writes everything to whoever connects, and says so when a connection is lost.
SERVER = """
from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from praxtalk.prompt import write_promptly

class Writer(Protocol):
    def connectionMade(self):
        for number in range(40):
            self.transport.write(bytes([number]) * 300_000)
        self.transport.write(b"")
    def dataReceived(self, data):
        self.transport.loseConnection() if data == b"close" else self.transport.write(data)
    def connectionLost(self, reason):
        print("lost", flush=True)

write_promptly()
print(reactor.listenTCP(0, Factory.forProtocol(Writer), interface="127.0.0.1").getHost().port, flush=True)
reactor.run()
"""


@pytest.fixture
def server():
    process = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    process.port = int(process.stdout.readline())
    yield process
    process.kill()
    process.communicate()


def read(connection, count):
    received = bytearray()
    while len(received) < count and (data := connection.recv(65536)):
        received += data
    return bytes(received)


def test_slow_reader_gets_everything_in_order(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=40) as connection:
        time.sleep(0.3)  # the kernel's buffers are full long before all is written
        assert read(connection, 12_000_000) == b"".join(CHUNKS)
        for word in (b"one", b"two"):
            connection.sendall(word)
            assert read(connection, 3) == word


def test_closing_comes_after_what_waits(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=40) as connection:
        connection.sendall(b"close")
        assert len(read(connection, 13_000_000)) == 12_000_000
    assert server.stdout.readline() == "lost\n"


def test_reader_that_vanishes_is_noticed(server):
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=40)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
    assert server.stdout.readline() == "lost\n"


def test_reader_that_does_not_read_is_cut_off(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=40) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(b"x" * 40_000_000)  # which it sends back, and nobody reads
        assert server.stdout.readline() == "lost\n"
