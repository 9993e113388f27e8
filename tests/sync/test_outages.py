"""Outages of Valkey and of the web server: nothing is lost."""

import contextlib
import os
import signal
import time
from datetime import timedelta

import pytest
import redis
from django.conf import settings as django_settings
from websockets.exceptions import InvalidStatus

from accounts.actions.operator_tokens import issue_token, revoke_token
from accounts.operator_tokens import operator_topic
from bench.faults.processes import Valkey
from brands.models import OperatorBrand
from conversations.models import Message
from praxtalk.core.circuit_breaker import PAUSE_SECONDS, CircuitBreaker
from praxtalk.core.live import topics
from praxtalk.core.live.topics import channel_of, publish_on_commit
from tests.servers import WEB, Server
from tests.sync.sockets import RequestFailed, Socket

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True), pytest.mark.slow]

AWAY_SECONDS = 10


@pytest.fixture
def valkey(tmp_path):
    own = Valkey(tmp_path)
    own.start()
    yield own
    own.stop()


def test_no_change_is_lost_while_valkey_is_down_for_ten_seconds(tenants, conversations, tokens, valkey):
    web = WEB
    north = {"conversationId": str(conversations.north.pk)}
    with (
        Server(*web, WEB_PROCESSES="1", REDIS_URL=valkey.url) as one,
        Server(*web, WEB_PROCESSES="1", REDIS_URL=valkey.url) as other,
        Socket(one.url, tokens.alice) as here,
        Socket(other.url, tokens.bob) as there,
    ):
        mine, theirs = here.watch("messages:list", **north), there.watch("messages:list", **north)
        there.mutate("messages:send", **north, body="Before")
        here.receive_until(lambda: here.value(mine)["messages"][-1]["body"] == "Before")
        valkey.stop()
        stopped = time.monotonic()
        for index in range(3):
            began = time.monotonic()
            here.mutate("messages:send", **north, body=f"Without {index}")
            assert here.value(mine)["messages"][-1]["body"] == f"Without {index}"
            assert time.monotonic() - began < 3
        assert there.mutate("presence:touch", **north) == {"ok": True}
        there.receive_for(max(0, stopped + AWAY_SECONDS - time.monotonic()))
        valkey.start()
        there.receive_until(lambda: there.value(theirs)["messages"][-1]["body"] == "Without 2", 8)
        here.mutate("messages:send", **north, body="After")
        there.receive_until(lambda: there.value(theirs)["messages"][-1]["body"] == "After")
        for server in (one, other):
            assert "Traceback" not in server.output
            assert "a change was not published" not in server.output
    assert Message.objects.filter(conversation=conversations.north, body__startswith="Without").count() == 3


def test_topics_that_could_not_be_published_are_published_after_the_outage(db, valkey, monkeypatch):
    """Without this, an outage of half a second would delay the update of a watched query by up to a minute."""
    client = redis.Redis.from_url(valkey.url, **django_settings.VALKEY_OPTIONS)
    monkeypatch.setattr(topics, "_client", lambda: client)
    monkeypatch.setattr(topics, "_breaker", CircuitBreaker("test"))
    names = {channel_of(topic).encode() for topic in ("one", "two")}
    with client, redis.Redis.from_url(valkey.url) as other, other.pubsub() as subscription:
        subscription.subscribe(*names)
        valkey.freeze()
        try:
            topics._publish({"one"})
        finally:
            valkey.thaw()
        topics._publish({"two"})  # while the circuit breaker is open
        received, deadline = set(), time.monotonic() + 2 * PAUSE_SECONDS
        while received != names and time.monotonic() < deadline:
            message = subscription.get_message(ignore_subscribe_messages=True, timeout=0.5)
            received |= {message["channel"]} if message else set()
    assert received == names


def test_a_frozen_valkey_delays_no_client(tenants, conversations, tokens, valkey):
    north = {"conversationId": str(conversations.north.pk)}
    with (
        Server(*WEB, WEB_PROCESSES="1", REDIS_URL=valkey.url) as server,
        Socket(server.url, tokens.alice) as socket,
    ):
        thread = socket.watch("messages:list", **north)
        valkey.freeze()
        try:
            began = time.monotonic()
            socket.mutate("messages:send", **north, body="Frozen")
            assert time.monotonic() - began < 4
            assert socket.value(thread)["messages"][-1]["body"] == "Frozen"
            with Socket(server.url, tokens.bob) as late:
                assert late.query_once("messages:list", **north)["messages"][-1]["body"] == "Frozen"
        finally:
            valkey.thaw()


def test_clients_learn_of_revoked_and_expired_tokens_in_time(tenants, conversations, connect):
    token, session = issue_token(tenants.alice)
    socket = connect(token)
    query = socket.watch("conversations:listInbox")
    revoke_token(session)
    socket.receive_until(lambda: isinstance(socket.values[query], RequestFailed), 3)
    assert socket.values[query].code == "UNAUTHENTICATED"
    brief = connect(issue_token(tenants.alice, lifetime=timedelta(seconds=2))[0])
    query = brief.watch("conversations:listInbox")
    brief.receive_until(lambda: isinstance(brief.values[query], RequestFailed), 5)
    with pytest.raises(RequestFailed) as refused:
        brief.mutate("messages:send", conversationId=str(conversations.north.pk), body="Hi")
    assert refused.value.code == "UNAUTHENTICATED"


def test_a_change_of_an_operators_brands_reaches_an_open_query(tenants, conversations, connect):
    """The change is published here. An unpublished change would only be found by the periodic refresh."""
    socket = connect(issue_token(tenants.bob)[0])
    query = socket.watch("conversations:listInbox")
    assert len(socket.value(query)) == 1
    OperatorBrand.objects.filter(operator=tenants.bob).update(brand=tenants.south)
    publish_on_commit(operator_topic(tenants.bob.pk))
    socket.receive_until(lambda: [row["_id"] for row in socket.value(query)] == [str(conversations.south.pk)], 3)


def test_a_stopping_server_finishes_received_mutations_and_closes_its_sockets(tenants, conversations, tokens):
    with Server(*WEB, WEB_PROCESSES="1") as server, Socket(server.url, tokens.alice) as socket:
        socket.watch("conversations:listInbox")
        requests = [
            socket.send_mutation("messages:send", conversationId=str(conversations.north.pk), body=f"Last {index}")
            for index in range(20)
        ]
        # After three responses, the server has received the other mutations, too, and they are queued.
        socket.receive_until(lambda: len(socket.responses) >= 3)
        server.process.send_signal(signal.SIGTERM)
        assert socket.closing_code() == 4500
        assert server.wait_for_end() == 0
        assert set(requests) <= set(socket.responses)  # everything received was run
        assert "Traceback" not in server.output
    assert Message.objects.filter(body__startswith="Last").count() == 20


def reconnect(url, token, session_id):
    """Reconnect as clients do, retrying until the server is up."""
    for _ in range(60):
        with contextlib.suppress(InvalidStatus):
            return Socket(url, token, session_id=session_id)
        time.sleep(0.5)
    raise AssertionError


def test_mutations_resent_after_a_killed_server_happen_once(tenants, conversations, tokens):
    north = {"conversationId": str(conversations.north.pk)}
    with Server(*WEB, WEB_PROCESSES="1") as server, Socket(server.url, tokens.alice) as socket:
        requests = [socket.send_mutation("messages:send", **north, body=f"Sent {index}") for index in range(10)]
        socket.receive_until(lambda: len(socket.responses) >= 3)
        os.kill(server.pids["sockets.1"], signal.SIGKILL)
        server.wait_for_line("started again")
        with reconnect(server.url, tokens.alice, socket.session_id) as again:
            for index, request in enumerate(requests):
                again.wait_for_mutation(
                    again.send_mutation("messages:send", request_id=request, **north, body=f"Sent {index}")
                )
    bodies = Message.objects.filter(body__startswith="Sent").order_by("position").values_list("body", flat=True)
    assert list(bodies) == [f"Sent {index}" for index in range(10)]
