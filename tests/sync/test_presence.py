"""Presence is kept in Valkey: an operator who only views a conversation causes no write to PostgreSQL."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.actions.operator_tokens import issue_token
from conversations import presence
from conversations.actions import send_message, touch_presence
from conversations.models import Channel, Message, OperatorReadState
from praxtalk.core.live import executor, functions
from praxtalk.core.live.models import MutationLog
from tests.sync.live_client import call_as

WRITE = re.compile(r"\b(INSERT|UPDATE|DELETE|FOR NO KEY UPDATE|FOR UPDATE)\b")


@pytest.fixture
def touch_presence_by_mutation(tenants, conversations):
    """Return a function that sends the mutation that the inbox sends every 15 s for an open conversation.

    The function takes a request id, and returns the result and the published topics.
    """
    token, _ = issue_token(tenants.alice)

    def send(request_id):
        arguments = [{"sessionToken": token, "conversationId": str(conversations.north.pk)}]
        call = functions.parse_call("presence:touch", arguments, kind="mutation", socket_token=None)
        return executor.run_mutation(call, executor.MutationId("session-1", request_id))

    return send


def test_a_minute_of_presence_in_a_conversation_writes_no_row(touch_presence_by_mutation, time_machine):
    time_machine.move_to("2026-05-01 12:00Z", tick=False)
    touch_presence_by_mutation(0)
    with CaptureQueriesContext(connection) as queries:
        for request_id in range(1, 5):
            time_machine.shift(15)
            result, topics = touch_presence_by_mutation(request_id)
            assert result.text == '{"ok":true}'
            assert topics == set()
    assert queries.captured_queries
    assert [query["sql"] for query in queries if WRITE.search(query["sql"])] == []
    assert not MutationLog.objects.exists()


def test_a_new_message_is_marked_as_read_by_a_present_operator(touch_presence_by_mutation, tenants, conversations):
    touch_presence_by_mutation(0)
    send_message(conversations.north, role=Message.Role.VISITOR, body="Still there?", channel=Channel.WIDGET)
    touch_presence_by_mutation(1)
    conversations.north.refresh_from_db()
    assert OperatorReadState.objects.get(operator=tenants.alice).position == conversations.north.last_position


def test_presence_belongs_to_its_workspace_and_conversation(tenants, conversations):
    touch_presence(conversations.north, operator=tenants.alice, is_typing=True)
    assert list(presence.present_operators(tenants.acme.pk, conversations.north.pk)) == [tenants.alice.pk]
    assert presence.present_operators(tenants.acme.pk, conversations.south.pk) == {}
    assert presence.present_operators(tenants.globex.pk, conversations.north.pk) == {}


def test_the_stored_presence_expires(tenants, conversations):
    touch_presence(conversations.north, operator=tenants.alice, is_typing=False)
    left = presence._client().pttl(f"presence:{tenants.acme.pk}:{conversations.north.pk}")
    assert 25_000 < left <= 30_000


def test_without_valkey_nobody_is_present_and_positions_are_still_recorded(
    tenants, conversations, settings, monkeypatch
):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    presence._client.cache_clear()
    monkeypatch.setattr(presence, "_breaker", presence.CircuitBreaker("presence"))
    try:
        assert call_as(tenants.alice, "presence:touch", conversationId=str(conversations.north.pk)) == {"ok": True}
        assert call_as(tenants.alice, "presence:list", conversationId=str(conversations.north.pk)) == []
    finally:
        presence._client.cache_clear()
    assert OperatorReadState.objects.get(operator=tenants.alice).position == conversations.north.last_position
