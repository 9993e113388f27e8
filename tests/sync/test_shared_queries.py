"""Shared queries: one run serves all identical subscriptions, and no change is missed."""

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
    """A hub that runs queries without threads. Each run returns only while `gate` is set."""

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


class FakeListener:
    def __init__(self):
        self.first_run, self.results, self.errors = 0, [], 0

    def on_result(self, run):
        self.results.append(run.value)

    def on_error(self):
        self.errors += 1


class QueryHarness:
    def __init__(self, *, refresh_interval=60.0):
        self.value, self.hub = 0, FakeHub()
        self.query = SharedQuery(self.hub, "key", frozenset(), self.read, name="a:b", refresh_interval=refresh_interval)

    def read(self):
        if isinstance(self.value, Exception):
            raise self.value
        return self.value, None

    def add_listener(self):
        listener = FakeListener()
        self.query.listeners.add(listener)
        listener.first_run = self.query.request_run(is_urgent=True)
        return listener


async def wait_until(is_true, seconds=20):
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


def run_in_event_loop(test):
    def run():
        asyncio.run(asyncio.wait_for(test(), 15))

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@run_in_event_loop
async def test_listeners_added_before_a_run_starts_share_it():
    harness = QueryHarness()
    listeners = [harness.add_listener() for _ in range(200)]
    await wait_until(lambda: all(listener.results for listener in listeners))
    assert harness.hub.reads == 1


@run_in_event_loop
async def test_a_listener_added_during_a_run_waits_for_the_next_run():
    harness = QueryHarness()
    harness.hub.gate.clear()
    first = harness.add_listener()
    await wait_until(lambda: harness.hub.reads == 1)
    harness.value = 1  # committed after the run has read
    second = harness.add_listener()
    harness.hub.gate.set()
    await wait_until(lambda: second.results)
    assert (first.results, second.results) == ([0, 1], [1])


@run_in_event_loop
async def test_changes_cause_at_most_one_run_per_100_ms_and_the_last_is_seen():
    harness = QueryHarness()
    listener = harness.add_listener()
    await wait_until(lambda: listener.results)
    began = time.monotonic()
    while time.monotonic() - began < 1:
        harness.value += 1
        harness.query.request_run()
        await asyncio.sleep(0.002)
    await wait_until(lambda: listener.results[-1] == harness.value)
    assert 5 <= harness.hub.reads <= 14


@run_in_event_loop
async def test_a_change_during_a_run_causes_another_run():
    harness = QueryHarness()
    listener = harness.add_listener()
    await wait_until(lambda: listener.results)
    harness.hub.gate.clear()
    harness.query.request_run(is_urgent=True)
    await wait_until(lambda: harness.hub.reads == 2)
    harness.value = 7
    harness.query.request_run()
    harness.hub.gate.set()
    await wait_until(lambda: listener.results[-1] == 7)


@run_in_event_loop
async def test_the_periodic_refresh_finds_and_logs_missed_changes():
    patch = pytest.MonkeyPatch()
    patch.setattr(shared_queries, "LATE_MESSAGE_SECONDS", 0.1)
    try:
        with capture_logs() as logs:
            harness = QueryHarness(refresh_interval=0.4)
            listener = harness.add_listener()
            await wait_until(lambda: listener.results)
            await asyncio.sleep(0.2)
            harness.value = 1  # without publishing the change
            await wait_until(lambda: listener.results[-1] == 1)
            await wait_until(lambda: any(line["log_level"] == "error" for line in logs))
            logs.clear()
            harness.value = 2
            await wait_until(lambda: listener.results[-1] == 2)
            harness.query.request_run()  # the message arrives late
            await asyncio.sleep(0.3)
            harness.hub.was_connected = False
            harness.value = 3  # missed changes are expected while Valkey is disconnected
            await wait_until(lambda: listener.results[-1] == 3)
            await asyncio.sleep(0.2)
            assert [line for line in logs if line["log_level"] == "error"] == []
            harness.query.stop()
    finally:
        patch.undo()


@run_in_event_loop
async def test_a_run_is_retried_while_the_database_is_down():
    harness = QueryHarness()
    harness.value = OperationalError("gone")
    with capture_logs() as logs:
        listener = harness.add_listener()
        await wait_until(lambda: harness.hub.reads >= 2)
        harness.value = 5
        await wait_until(lambda: listener.results == [5])
    assert len([line for line in logs if line["log_level"] == "error"]) == 1
    assert listener.errors == 0


@run_in_event_loop
async def test_an_internal_error_is_reported_to_all_listeners():
    harness = QueryHarness()
    harness.value = ZeroDivisionError()
    with capture_logs():
        listeners = [harness.add_listener() for _ in range(3)]
        await wait_until(lambda: all(listener.errors for listener in listeners))


@run_in_event_loop
async def test_a_stopped_query_runs_no_more():
    harness = QueryHarness(refresh_interval=0.05)
    listener = harness.add_listener()
    await wait_until(lambda: listener.results)
    harness.query.listeners.clear()
    harness.query.stop()
    reads = harness.hub.reads
    await asyncio.sleep(0.2)
    assert harness.hub.reads == reads


class FakeSlots:
    async def heartbeat(self, now):
        return False


class FakeQueries:
    is_authorised = False


@run_in_event_loop
async def test_idle_sockets_get_pings_and_unauthorised_or_old_ones_are_closed():
    socket, sent = SyncConsumer(), []

    async def send(message):
        sent.append(message.get("text") or message.get("code"))

    socket.base_send, socket._slots, socket._queries = send, FakeSlots(), FakeQueries()
    socket._is_closed, socket._worker, socket._hub = False, None, FakeHub()

    async def heartbeat(now):
        await socket.heartbeat(now)
        await asyncio.sleep(0)  # the heartbeat sends in a task of its own

    now = float(int(time.monotonic()))  # whole seconds, so that sums are exact
    socket._queue = asyncio.Queue()
    socket._bucket = TokenBucket()
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
    assert socket._queue.empty()
    socket._is_closed = False
    await heartbeat(now + consumer.MAX_AGE_SECONDS)
    assert socket._queue.get_nowait() is consumer.SENTINEL
