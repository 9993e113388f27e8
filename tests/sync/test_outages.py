"""Valkey and the web server go away and come back; nothing is lost."""

import contextlib
import os
import signal
import time
from datetime import timedelta

import pytest
import redis
from django.conf import settings as django_settings
from websockets.exceptions import InvalidStatus

from accounts.operator_tokens import issue_token, operator_topic, revoke
from bench.faults.processes import Valkey
from brands.models import OperatorBrand
from conversations.models import Message
from praxtalk.core.circuit_breaker import PAUSE_SECONDS, Breaker
from praxtalk.core.live import topics
from praxtalk.core.live.topics import channel_of, publish_on_commit
from tests.servers import WEB, Server
from tests.sync.sockets import Failed, Socket

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]

AWAY_SECONDS = 10


@pytest.fixture
def valkey(tmp_path):
    own = Valkey(tmp_path)
    own.start()
    yield own
    own.stop()


def test_valkey_is_gone_for_ten_seconds(cast, talks, tokens, valkey):
    web = WEB
    north = {"conversationId": str(talks.north.pk)}
    with (
        Server(*web, WEB_PROCESSES="1", REDIS_URL=valkey.url) as one,
        Server(*web, WEB_PROCESSES="1", REDIS_URL=valkey.url) as other,
        Socket(one.url, tokens.alice) as here,
        Socket(other.url, tokens.bob) as there,
    ):
        mine, theirs = here.watch("messages:list", **north), there.watch("messages:list", **north)
        there.mutate("messages:send", **north, body="Before")
        here.until(lambda: here.value(mine)["messages"][-1]["body"] == "Before")
        valkey.stop()
        stopped = time.monotonic()
        for index in range(3):
            began = time.monotonic()
            here.mutate("messages:send", **north, body=f"Without {index}")
            assert here.value(mine)["messages"][-1]["body"] == f"Without {index}"
            assert time.monotonic() - began < 3
        assert there.mutate("presence:touch", **north) == {"ok": True}
        there.listen(max(0, stopped + AWAY_SECONDS - time.monotonic()))
        valkey.start()
        there.until(lambda: there.value(theirs)["messages"][-1]["body"] == "Without 2", 8)
        here.mutate("messages:send", **north, body="After")
        there.until(lambda: there.value(theirs)["messages"][-1]["body"] == "After")
        for server in (one, other):
            assert "Traceback" not in server.output
            assert "nobody had announced" not in server.output
    assert Message.objects.filter(conversation=talks.north, body__startswith="Without").count() == 3


def test_what_valkey_did_not_take_is_published_when_it_answers_again(db, valkey, monkeypatch):
    """Else a pause of half a second would cost whoever watches a minute."""
    client = redis.Redis.from_url(valkey.url, **django_settings.VALKEY_OPTIONS)
    monkeypatch.setattr(topics, "_client", lambda: client)
    monkeypatch.setattr(topics, "_breaker", Breaker("test"))
    names = {channel_of(topic).encode() for topic in ("one", "two")}
    with client, redis.Redis.from_url(valkey.url) as other, other.pubsub() as words:
        words.subscribe(*names)
        valkey.freeze()
        try:
            topics._publish({"one"})
        finally:
            valkey.thaw()
        topics._publish({"two"})  # while the breaker pauses
        heard, deadline = set(), time.monotonic() + 2 * PAUSE_SECONDS
        while heard != names and time.monotonic() < deadline:
            message = words.get_message(ignore_subscribe_messages=True, timeout=0.5)
            heard |= {message["channel"]} if message else set()
    assert heard == names


def test_a_frozen_valkey_holds_nobody_up(cast, talks, tokens, valkey):
    north = {"conversationId": str(talks.north.pk)}
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
                assert late.ask("messages:list", **north)["messages"][-1]["body"] == "Frozen"
        finally:
            valkey.thaw()


def test_revocation_is_told_at_once_and_expiry_when_it_is_due(cast, talks, connect):
    token, session = issue_token(cast.alice)
    socket = connect(token)
    query = socket.watch("conversations:listInbox")
    revoke(session)
    socket.until(lambda: isinstance(socket.values[query], Failed), 3)
    assert socket.values[query].code == "UNAUTHENTICATED"
    brief = connect(issue_token(cast.alice, lifetime=timedelta(seconds=2))[0])
    query = brief.watch("conversations:listInbox")
    brief.until(lambda: isinstance(brief.values[query], Failed), 5)
    with pytest.raises(Failed) as refused:
        brief.mutate("messages:send", conversationId=str(talks.north.pk), body="Hi")
    assert refused.value.code == "UNAUTHENTICATED"


def test_an_operators_brands_are_narrowed_under_way(cast, talks, connect):
    """Announced, it is told at once; here it is not, and found within half a minute."""
    socket = connect(issue_token(cast.bob)[0])
    query = socket.watch("conversations:listInbox")
    assert len(socket.value(query)) == 1
    OperatorBrand.objects.filter(operator=cast.bob).update(brand=cast.south)
    publish_on_commit(operator_topic(cast.bob.pk))
    socket.until(lambda: [row["_id"] for row in socket.value(query)] == [str(talks.south.pk)], 3)


def test_a_server_that_stops_closes_its_sockets(cast, talks, tokens):
    with Server(*WEB, WEB_PROCESSES="1") as server, Socket(server.url, tokens.alice) as socket:
        socket.watch("conversations:listInbox")
        requests = [
            socket.begin("messages:send", conversationId=str(talks.north.pk), body=f"Last {index}")
            for index in range(20)
        ]
        socket.until(lambda: len(socket.responses) >= 3)  # by then it has read the others, and they wait for their turn
        server.process.send_signal(signal.SIGTERM)
        assert socket.closing_code() == 4500
        assert server.wait_for_end() == 0
        assert set(requests) <= set(socket.responses)  # what had come in was done
        assert "Traceback" not in server.output
    assert Message.objects.filter(body__startswith="Last").count() == 20


def connect_again(url, token, session_id):
    """As clients do, until the server is up."""
    for _ in range(60):
        with contextlib.suppress(InvalidStatus):
            return Socket(url, token, session_id=session_id)
        time.sleep(0.5)
    raise AssertionError


def test_a_killed_server_is_taken_up_where_it_was(cast, talks, tokens):
    north = {"conversationId": str(talks.north.pk)}
    with Server(*WEB, WEB_PROCESSES="1") as server, Socket(server.url, tokens.alice) as socket:
        requests = [socket.begin("messages:send", **north, body=f"Sent {index}") for index in range(10)]
        socket.until(lambda: len(socket.responses) >= 3)
        os.kill(server.pids["sockets.1"], signal.SIGKILL)
        server.wait_for_line("started again")
        with connect_again(server.url, tokens.alice, socket.session_id) as again:
            for index, request in enumerate(requests):
                again.covered(again.begin("messages:send", request_id=request, **north, body=f"Sent {index}"))
    bodies = Message.objects.filter(body__startswith="Sent").order_by("position").values_list("body", flat=True)
    assert list(bodies) == [f"Sent {index}" for index in range(10)]
