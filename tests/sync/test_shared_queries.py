"""One run for all who ask alike, and none too few."""

import asyncio
import time

import pytest
from django.db import OperationalError
from structlog.testing import capture_logs

from praxtalk.core.live import consumer, protocol, shared_queries
from praxtalk.core.live.consumer import SyncConsumer
from praxtalk.core.live.limits import TokenBucket
from praxtalk.core.live.shared_queries import SharedQuery
from praxtalk.core.live.timestamps import Timestamps


class FakeHub:
    """Reads in place of threads, each held until it is let go."""

    def __init__(self):
        self.query_slots = asyncio.Semaphore(4)
        self.timestamps = Timestamps()
        self.gate = asyncio.Event()
        self.gate.set()
        self.reads = 0
        self.was_connected = True

    def spawn(self, work):
        return asyncio.get_running_loop().create_task(work)

    async def in_thread(self, read):
        self.reads += 1
        value = read()
        await self.gate.wait()
        return value

    def was_connected_since(self, moment):
        return self.was_connected


class Ear:
    def __init__(self):
        self.first_run, self.heard, self.broke = 0, [], 0

    def on_result(self, reading):
        self.heard.append(reading.value)

    def on_error(self):
        self.broke += 1


class Stage:
    def __init__(self, *, refresh_interval=60.0):
        self.value, self.hub = 0, FakeHub()
        self.watch = SharedQuery(self.hub, "key", frozenset(), self.read, name="a:b", refresh_interval=refresh_interval)

    def read(self):
        if isinstance(self.value, Exception):
            raise self.value
        return self.value, None

    def listen(self):
        ear = Ear()
        self.watch.listeners.add(ear)
        ear.first_run = self.watch.request_run(is_urgent=True)
        return ear


async def until(is_true, seconds=20):
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


def on_a_loop(test):
    def run():
        asyncio.run(asyncio.wait_for(test(), 15))

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@on_a_loop
async def test_those_who_come_before_a_run_starts_share_it():
    stage = Stage()
    ears = [stage.listen() for _ in range(200)]
    await until(lambda: all(ear.heard for ear in ears))
    assert stage.hub.reads == 1


@on_a_loop
async def test_who_comes_during_a_run_waits_for_the_next():
    stage = Stage()
    stage.hub.gate.clear()
    first = stage.listen()
    await until(lambda: stage.hub.reads == 1)
    stage.value = 1  # committed after the run has read
    second = stage.listen()
    stage.hub.gate.set()
    await until(lambda: second.heard)
    assert (first.heard, second.heard) == ([0, 1], [1])


@on_a_loop
async def test_many_changes_are_one_run_in_100_ms_and_the_last_is_seen():
    stage = Stage()
    ear = stage.listen()
    await until(lambda: ear.heard)
    began = time.monotonic()
    while time.monotonic() - began < 1:
        stage.value += 1
        stage.watch.request_run()
        await asyncio.sleep(0.002)
    await until(lambda: ear.heard[-1] == stage.value)
    assert 5 <= stage.hub.reads <= 14


@on_a_loop
async def test_a_change_during_a_run_is_read_after_it():
    stage = Stage()
    ear = stage.listen()
    await until(lambda: ear.heard)
    stage.hub.gate.clear()
    stage.watch.request_run(is_urgent=True)
    await until(lambda: stage.hub.reads == 2)
    stage.value = 7
    stage.watch.request_run()
    stage.hub.gate.set()
    await until(lambda: ear.heard[-1] == 7)


@on_a_loop
async def test_the_net_finds_a_lost_word_and_says_so():
    patch = pytest.MonkeyPatch()
    patch.setattr(shared_queries, "LATE_MESSAGE_SECONDS", 0.1)
    try:
        with capture_logs() as logs:
            stage = Stage(refresh_interval=0.4)
            ear = stage.listen()
            await until(lambda: ear.heard)
            await asyncio.sleep(0.2)
            stage.value = 1  # and nobody says so
            await until(lambda: ear.heard[-1] == 1)
            await until(lambda: any(line["log_level"] == "error" for line in logs))
            logs.clear()
            stage.value = 2
            await until(lambda: ear.heard[-1] == 2)
            stage.watch.request_run()  # the word was on its way
            await asyncio.sleep(0.3)
            stage.hub.was_connected = False
            stage.value = 3  # without Valkey it is to be expected
            await until(lambda: ear.heard[-1] == 3)
            await asyncio.sleep(0.2)
            assert [line for line in logs if line["log_level"] == "error"] == []
            stage.watch.stop()
    finally:
        patch.undo()


@on_a_loop
async def test_a_database_that_is_away_is_asked_again():
    stage = Stage()
    stage.value = OperationalError("gone")
    with capture_logs() as logs:
        ear = stage.listen()
        await until(lambda: stage.hub.reads >= 2)
        stage.value = 5
        await until(lambda: ear.heard == [5])
    assert len([line for line in logs if line["log_level"] == "error"]) == 1
    assert ear.broke == 0


@on_a_loop
async def test_our_own_mistake_is_told_to_all_who_listen():
    stage = Stage()
    stage.value = ZeroDivisionError()
    with capture_logs():
        ears = [stage.listen() for _ in range(3)]
        await until(lambda: all(ear.broke for ear in ears))


@on_a_loop
async def test_a_watch_that_was_left_reads_no_more():
    stage = Stage(refresh_interval=0.05)
    ear = stage.listen()
    await until(lambda: ear.heard)
    stage.watch.listeners.clear()
    stage.watch.stop()
    reads = stage.hub.reads
    await asyncio.sleep(0.2)
    assert stage.hub.reads == reads


class NoPlaces:
    async def heartbeat(self, now):
        return False


class NoQueries:
    is_authorised = False


@on_a_loop
async def test_a_sign_of_life_and_an_end_for_those_who_watch_nothing():
    socket, sent = SyncConsumer(), []

    async def send(message):
        sent.append(message.get("text") or message.get("code"))

    socket.base_send, socket._slots, socket._queries = send, NoPlaces(), NoQueries()
    socket._is_closed, socket._worker, socket._hub = False, None, FakeHub()

    async def heartbeat(now):
        await socket.heartbeat(now)
        await asyncio.sleep(0)  # what it sends goes out beside it

    now = time.monotonic()
    socket._inbox = asyncio.Queue()
    socket._budget = TokenBucket()
    socket._opened_at = socket._sent_at = socket._authorised_at = now
    await heartbeat(now + consumer.PING_SECONDS - 1)
    assert sent == []
    await heartbeat(now + consumer.PING_SECONDS)
    assert sent == [protocol.PING]
    socket._queries.is_authorised = True
    await heartbeat(now + 100)
    socket._queries.is_authorised = False
    await heartbeat(now + 100 + consumer.UNAUTHORISED_SECONDS - 1)
    assert 4401 not in sent
    await heartbeat(now + 100 + consumer.UNAUTHORISED_SECONDS)
    assert sent[-1] == 4401
    assert socket._inbox.empty()
    socket._is_closed = False
    await heartbeat(now + consumer.LIFE_SECONDS)
    assert socket._inbox.get_nowait() is consumer.SENTINEL
