"""Sockets that disconnect at any moment leave nothing behind: no connection slot, no subscription, no token in the log."""

import contextlib
import json
import socket
import struct
import subprocess
import sys
import time
import urllib.parse

import psutil
import pytest
import redis
from websockets.sync.client import connect as connect_to

from conversations import actions
from conversations.models import Message
from praxtalk.core.live.connection_limits import PREFIX
from praxtalk.core.live.topics import CHANNEL_PREFIX
from tests.conftest import make_conversation
from tests.live.driver import wait_for
from tests.servers import PROJECT, Server, free_port, valkey_url
from tests.sync.sockets import PATH, Socket

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]


def resources_in_use():
    """Return (connection slots taken, topics subscribed to) of all clients of this Valkey."""
    with redis.Redis.from_url(valkey_url(), decode_responses=True) as client:
        slots = sum(
            client.scard(key) for key in client.scan_iter(f"{PREFIX}:*") if not key.startswith(f"{PREFIX}:process")
        )
        return slots, len(client.pubsub_channels(f"{CHANNEL_PREFIX}*conversation*"))


def abort(raw):
    """Reset the TCP connection without a closing handshake, as when a browser is killed."""
    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.socket.close()


def test_sockets_that_abort_while_connecting_release_everything(server, tenants, conversations, tokens, connect):
    stays = connect(tokens.alice)
    stays.watch("conversations:listInbox")
    before = resources_in_use()
    url = server.url.replace("http", "ws", 1) + PATH
    watched = {"sessionToken": tokens.alice, "status": "open"}
    add = [
        {"type": "Add", "queryId": number, "udfPath": name, "args": [watched]}
        for number, name in enumerate(["conversations:listInbox", "no:such", "conversations:counts"])
    ]
    for index in range(300):
        raw = connect_to(url, compression=None)
        raw.send(json.dumps({"type": "Connect", "sessionId": "a", "connectionCount": 0}))
        if index % 3 == 0:
            raw.send(json.dumps({"type": "Authenticate", "baseVersion": 0, "tokenType": "User", "value": tokens.bob}))
        raw.send(json.dumps({"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 1, "modifications": add}))
        time.sleep(index % 10 / 2000)
        abort(raw)
    deadline = time.monotonic() + 60
    while resources_in_use() != before:
        assert time.monotonic() < deadline, (resources_in_use(), before)
        time.sleep(0.2)
    assert stays.query_once("brands:list")
    assert "Traceback" not in server.output
    assert tokens.alice not in server.output
    assert urllib.parse.quote(tokens.bob) not in server.output


def test_mutations_sent_before_the_tab_was_closed_are_run(server, tenants, conversations, tokens):
    for index in range(10):
        raw = connect_to(server.url.replace("http", "ws", 1) + PATH, compression=None)
        arguments = {
            "sessionToken": tokens.alice,
            "conversationId": str(conversations.north.pk),
            "body": f"Bye {index}",
        }
        raw.send(json.dumps({"type": "Connect", "sessionId": f"tab {index}", "connectionCount": 0}))
        raw.send(json.dumps({"type": "Mutation", "requestId": 0, "udfPath": "messages:send", "args": [arguments]}))
        raw.close()
    deadline = time.monotonic() + 30
    while Message.objects.filter(body__startswith="Bye").count() < 10:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_conversations_of_megabytes_reach_the_client(tenants, connect, tokens):
    """A large conversation is cut to one page, and results that are large together are sent in several frames."""
    conversations = [make_conversation(tenants.north) for _ in range(6)]
    for conversation in conversations:
        Message.objects.bulk_create(
            Message(
                workspace=tenants.acme,
                conversation=conversation,
                position=2 + index,
                role="visitor",
                channel="widget",
                body=body,
            )
            for index, body in enumerate(["\U0001f600" * 10_000] * 100)
        )
        type(conversation).objects.filter(pk=conversation.pk).update(last_position=101, message_count=101)
    reader = connect(tokens.alice)
    modifications = [
        {
            "type": "Add",
            "queryId": number,
            "udfPath": "messages:list",
            "args": [{"sessionToken": tokens.alice, "conversationId": str(conversation.pk)}],
        }
        for number, conversation in enumerate(conversations)
    ]
    reader._modify(modifications)
    reader.receive_until(lambda: all(number in reader.values for number in range(6)))
    for number in range(6):
        page = reader.value(number)
        assert page["hasMore"] is True
        assert len(page["messages"]) == 25
        assert page["messages"][-1]["body"] == "\U0001f600" * 10_000
    older = {"conversationId": str(conversations[0].pk), "before": reader.value(0)["messages"][0]["_id"]}
    with_older = connect(tokens.alice)
    assert len(with_older.query_once("messages:list", **older)["messages"]) == 25


def make_large_conversation(tenants):
    """Return a conversation of 26 messages, 25 of them with 10,000 characters."""
    conversation = make_conversation(tenants.north)
    Message.objects.bulk_create(
        Message(
            workspace=tenants.acme,
            conversation=conversation,
            position=n,
            role="visitor",
            channel="widget",
            body="x" * 10_000,
        )
        for n in range(2, 27)
    )
    type(conversation).objects.filter(pk=conversation.pk).update(last_position=26, message_count=26)
    return conversation


def test_a_slow_client_gets_the_newest_state_without_a_version_gap(server, tenants, tokens):
    """Changes are sent at once while the client reads. While it does not, they are merged until it reads again."""
    conversation = make_large_conversation(tenants)
    add = {"type": "Add", "queryId": 0, "udfPath": "messages:list"}
    add["args"] = [{"sessionToken": tokens.alice, "conversationId": str(conversation.pk)}]
    with connect_to(server.url.replace("http", "ws", 1) + PATH, compression=None, max_queue=1, max_size=None) as raw:
        raw.send(json.dumps({"type": "Connect", "sessionId": "slow", "connectionCount": 0}))
        raw.send(json.dumps({"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 1, "modifications": [add]}))
        ended = json.loads(raw.recv())["endVersion"]
        for number in range(60):
            actions.send_message(conversation, role="visitor", body=f"{number}" + "y" * 9000, channel="widget")
            time.sleep(0.11)  # so that each message causes its own run of the query
        newest, frames = "", 0
        while not newest.startswith("59"):
            frame = json.loads(raw.recv(timeout=10))
            if frame["type"] != "Transition":
                continue
            assert frame["startVersion"] == ended
            ended, frames = frame["endVersion"], frames + 1
            for change in frame["modifications"]:
                newest = change["value"]["messages"][-1]["body"]
        assert 1 < frames < 50


IMPATIENT = """
from praxtalk import websocket_server
websocket_server.PING_SECONDS = websocket_server.PONG_SECONDS = websocket_server.ABORT_SECONDS = 1
websocket_server.main()
"""


@pytest.fixture
def impatient_server():
    """Run a WebSocket server without a reverse proxy, with short timeouts, and return (port, process).

    It waits one second for a pong, and another second for the client to read the last bytes before it aborts the connection.
    """
    port = free_port()
    command = [sys.executable, "-c", IMPATIENT, "--port", str(port)]
    with subprocess.Popen(command, cwd=PROJECT, env=Server(port=port).environment) as running:
        try:
            wait_for(lambda: can_connect(port), "It does not come up.", 60)
            yield port, psutil.Process(running.pid)
        finally:
            running.terminate()


def can_connect(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True


@pytest.mark.slow
def test_a_client_that_never_reads_is_disconnected_and_fills_no_memory(impatient_server, tenants, tokens):
    conversation = make_large_conversation(tenants)
    port, server = impatient_server
    arguments = {"sessionToken": tokens.alice, "conversationId": str(conversation.pk)}
    with Socket(f"http://127.0.0.1:{port}", tokens.alice) as reader:
        reader.query_once("messages:list", conversationId=str(conversation.pk))
        before, in_use = server.memory_info().rss, resources_in_use()
        raw = connect_to(f"ws://127.0.0.1:{port}{PATH}", compression=None, max_queue=1)
        raw.send(json.dumps({"type": "Connect", "sessionId": "a", "connectionCount": 0}))
        for index in range(110):  # of 750 KB each
            changes = [
                {"type": "Add", "queryId": 3 * index + n, "udfPath": "messages:list", "args": [arguments]}
                for n in range(3)
            ]
            changes += [{"type": "Remove", "queryId": 3 * index - 1 - n} for n in range(3) if index]
            frame = {"type": "ModifyQuerySet", "baseVersion": index, "newVersion": index + 1, "modifications": changes}
            raw.send(json.dumps(frame))
        assert resources_in_use() != in_use
        wait_for(lambda: resources_in_use() == in_use, "It is not cut off.", 20)
        assert server.memory_info().rss - before < 20 * 2**20
        assert reader.query_once("brands:list")  # a client that reads is still served
        mine = [each for each in server.net_connections("tcp") if each.laddr.port == port and each.raddr]
        assert len(mine) == 1
