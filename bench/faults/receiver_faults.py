"""The behaviours of receivers. Each function is called once for each complete request."""

import asyncio
import random
import socket
import struct
from collections.abc import Callable

from bench.faults import times
from bench.faults.receivers import Behaviour, Exchange

HUGE = b"x" * (4 * 1024 * 1024)


async def steady(exchange: Exchange) -> None:
    """Respond with 200 immediately."""
    await exchange.respond(200, b"thanks")


async def flaky(exchange: Exchange) -> None:
    """Respond with 200 or 500, at random."""
    await exchange.respond(random.choice([200, 500]))


async def slow(exchange: Exchange) -> None:
    """Respond with 200 after 300 ms."""
    await asyncio.sleep(0.3)
    await exchange.respond(200)


async def hanging(exchange: Exchange) -> None:
    """Never respond."""
    while not await exchange.is_closed_within(10):
        pass


async def dripping(exchange: Exchange) -> None:
    """Respond with 200 with a body of single bytes. Two times out of three this takes longer than the deadline."""
    is_endless = random.random() < 2 / 3
    exchange.receipt.status = 200
    exchange.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n")
    for _ in range(20):
        if await exchange.is_closed_within(times.DEADLINE / 8 if is_endless else 0.01):
            return
        exchange.writer.write(b"x")


async def huge(exchange: Exchange) -> None:
    """Respond with 200 with 4 MB, of which the sender reads 16 KB."""
    await exchange.respond(200, HUGE)


async def resetting(exchange: Exchange) -> None:
    """Respond with 200 one time out of four. Otherwise reset the connection, without a response or in the middle of one."""
    choice = random.randrange(4)
    if choice == 0:
        await exchange.respond(200)
        return
    if choice == 1:
        exchange.receipt.status = 200
        exchange.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf")
        await asyncio.sleep(0.02)
    connection = exchange.writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    exchange.writer.transport.abort()


def redirecting(port: Callable[[], int]) -> Behaviour:
    """Return a behaviour that redirects with 302 to a port at which nothing may ever arrive."""

    async def redirect(exchange: Exchange) -> None:
        await exchange.respond(302, headers=f"Location: http://{times.RECEIVER_ADDRESS}:{port()}/trap\r\n")

    return redirect


async def broken(exchange: Exchange) -> None:
    """Always respond with 500."""
    await exchange.respond(500, b"broken")


async def busy(exchange: Exchange) -> None:
    """Respond with 503 with Retry-After, or 204, at random."""
    if random.random() < 0.5:
        await exchange.respond(503, headers=f"Retry-After: {times.RETRY_AFTER}\r\n")
    else:
        await exchange.respond(204)


async def garbled(exchange: Exchange) -> None:
    """Respond with 200 one time out of three. Otherwise send bytes that are not HTTP, or HTTP with bytes that are not text."""
    responses = [
        random.randbytes(200),
        b"HTTP/1.1 500 \xff\xfe\x00\r\nX-\xff: \xed\xa0\x80\r\nRetry-After: \xff\xfe\r\nContent-Length: 2\r\n\r\n\x00\xff",
        b"HTTP/1.1 99999 No\r\nContent-Length: \xff\r\n\r\n",
    ]
    if random.random() < 1 / 3:
        await exchange.respond(200, b"\x00\xff\xed\xa0\x80")
        return
    exchange.writer.write(random.choice(responses))
    await exchange.writer.drain()
    exchange.writer.close()
