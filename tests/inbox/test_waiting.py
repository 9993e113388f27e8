"""`waitingSince`: since when a visitor waits for an answer, in every list that shows or orders conversations by it."""

import json
from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.db import connection
from django.utils import timezone

from conversations import actions
from conversations.models import Channel, Conversation, Message
from integrations.models import Event
from praxtalk.core.epoch import to_milliseconds
from tests.conftest import make_conversation
from tests.inbox.test_live_functions import error_code_of, north_args, write_as_visitor
from tests.inbox.test_mail import travel_forward
from tests.sync.live_client import call_as
from tests.widget.visitors import VisitorClient

__all__ = ["north_args"]

pytestmark = pytest.mark.django_db


def waiting_since(conversation):
    conversation.refresh_from_db()
    return conversation.waiting_since


def reply(conversation, role="operator", **more):
    return actions.send_message(conversation, role=Message.Role(role), body="Hi!", channel=Channel.DASHBOARD, **more)


def newest_event():
    return json.loads(bytes(Event.objects.latest("sequence").body))


def waiting_rows(operator, **arguments):
    return [row["_id"] for row in call_as(operator, "inbox:list", order="longestWaiting", **arguments)["rows"]]


# --- what begins and ends the waiting ---


def test_visitor_waits_since_their_first_unanswered_message(tenants):
    conversation = make_conversation(tenants.north)
    first = conversation.messages.get().created_at
    assert waiting_since(conversation) == first
    with travel_forward(minutes=1):
        write_as_visitor(conversation)
        assert waiting_since(conversation) == first
        reply(conversation, author=tenants.alice)
    assert waiting_since(conversation) is None
    with travel_forward(minutes=2):
        again = write_as_visitor(conversation)
    assert waiting_since(conversation) == again.created_at


@pytest.mark.parametrize("role", ["operator", "atlas"])
def test_every_message_that_the_visitor_sees_is_an_answer(tenants, role):
    conversation = make_conversation(tenants.north)
    reply(conversation, role=role)
    assert waiting_since(conversation) is None


def test_note_assignment_tag_and_snooze_are_no_answer(tenants):
    conversation = make_conversation(tenants.north)
    since = waiting_since(conversation)
    actions.write_note(conversation, author=tenants.alice, body="Who knows this?")
    actions.assign(conversation, operator=tenants.bob)
    actions.change_tags(conversation, add=[actions.create_tag(tenants.acme.pk, name="vip").pk])
    actions.set_status(conversation, status="snoozed", snoozed_until=timezone.now() + timedelta(hours=1))
    assert waiting_since(conversation) == since
    with travel_forward(hours=2):
        actions.wake_next_snoozed()
    assert waiting_since(conversation) == since


@pytest.mark.parametrize("status", ["resolved", "closed"])
def test_nobody_waits_in_a_conversation_that_is_done(tenants, status):
    conversation = make_conversation(tenants.north)
    actions.set_status(conversation, status=status)
    assert waiting_since(conversation) is None
    actions.set_status(conversation, status="open")
    assert waiting_since(conversation) is None
    actions.set_status(conversation, status=status)
    message = write_as_visitor(conversation)
    assert waiting_since(message.conversation) == message.created_at  # in a new conversation if this one was closed
    assert (message.conversation == conversation) == (status == "resolved")


def test_widget_messages_files_and_live_replies_count(tenants):
    visitor = VisitorClient(tenants.north)
    visitor.start()
    conversation = Conversation.objects.latest("created_at")
    assert waiting_since(conversation) is not None
    call_as(tenants.bob, "messages:send", conversationId=str(conversation.pk), body="Yes?")
    assert waiting_since(conversation) is None
    assert visitor.send_file("order.pdf", b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF").status_code == 201
    assert waiting_since(conversation) == conversation.last_message_at


def test_rest_reply_answers_and_events_carry_the_time(tenants, conversations, api_client):
    write_as_visitor(conversations.north)
    path = f"/api/v1/conversations/{conversations.north.pk}"
    since = to_milliseconds(waiting_since(conversations.north))
    assert api_client.get(path).json()["conversation"]["waitingSince"] == since
    assert newest_event()["data"]["conversation"]["waitingSince"] == since
    assert api_client.post(f"{path}/messages", {"body": "On its way"}).status_code == 201
    assert api_client.get(path).json()["conversation"]["waitingSince"] is None
    assert newest_event()["data"]["conversation"]["waitingSince"] is None


def test_repeated_message_does_not_change_the_time(tenants):
    conversation = make_conversation(tenants.north)
    for _ in range(2):
        reply(conversation, client_id="once")
        write_as_visitor(conversation)
    since = waiting_since(conversation)
    reply(conversation, client_id="once")
    assert waiting_since(conversation) == since


def test_migration_fills_the_times_of_existing_conversations(tenants, conversations):
    answered, again, done = (make_conversation(tenants.north) for _ in range(3))
    reply(answered)
    for conversation in (again, again, done):
        reply(conversation)
        write_as_visitor(conversation)
        write_as_visitor(conversation)
    actions.set_status(again, status="snoozed")
    actions.set_status(done, status="resolved")
    before = dict(Conversation.objects.values_list("pk", "waiting_since"))
    assert before[again.pk] is not None
    Conversation.objects.update(waiting_since=None)
    stamps = dict(Conversation.objects.values_list("pk", "updated_at"))
    fill = import_module("conversations.migrations.0006_fill_waiting_since").fill
    fill(None, SimpleNamespace(connection=connection))
    assert dict(Conversation.objects.values_list("pk", "waiting_since")) == before
    again.refresh_from_db()
    assert again.updated_at > stamps[again.pk]  # a client that mirrors the conversations is told


# --- the list ---


def test_longest_waiting_come_first_and_the_others_follow_by_activity(tenants):
    """Every page, of any size, continues where the one before ended."""
    expected, answered = [], []
    for number in range(7):
        conversation = make_conversation(tenants.north)
        if number % 2:
            reply(conversation)
            answered.insert(0, str(conversation.pk))
        else:
            expected.append(str(conversation.pk))
    assert waiting_rows(tenants.bob) == expected + answered
    for limit in (1, 2, 3, 4, 5, 6, 7):
        found, after = [], {}
        while after is not None:
            page = call_as(tenants.bob, "inbox:list", order="longestWaiting", limit=limit, **after)
            found += [row["_id"] for row in page["rows"]]
            after = {"after": page["next"]} if page["next"] else None
        assert found == expected + answered


def test_view_waiting_counts_and_lists_open_conversations_in_scope(tenants, conversations, north_args):
    assert call_as(tenants.alice, "inbox:counts")["waiting"] == 0
    for conversation in (conversations.north, conversations.south):
        write_as_visitor(conversation)
    view = {"status": "open", "waiting": True}
    assert waiting_rows(tenants.alice, **view) == [str(conversations.north.pk), str(conversations.south.pk)]
    assert waiting_rows(tenants.bob, **view) == [str(conversations.north.pk)]  # Bob does not see South
    assert waiting_rows(tenants.alice, status="open", waiting=False) == []
    assert str(conversations.north.pk) not in waiting_rows(tenants.mallory)
    assert [call_as(each, "inbox:counts")["waiting"] for each in (tenants.alice, tenants.bob)] == [2, 1]
    assert call_as(tenants.alice, "conversations:counts", brandId=str(tenants.south.pk))["waiting"] == 1
    call_as(tenants.bob, "conversations:setStatus", **north_args, status="snoozed")
    assert call_as(tenants.bob, "inbox:counts")["waiting"] == 0


def test_cursor_of_another_order_or_workspace_is_refused(tenants, conversations):
    for _ in range(2):
        make_conversation(tenants.west)
        make_conversation(tenants.north)
    newest = call_as(tenants.bob, "inbox:list", limit=1)["next"]
    waiting = call_as(tenants.bob, "inbox:list", limit=1, order="longestWaiting")["next"]
    rival = call_as(tenants.mallory, "inbox:list", limit=1, order="longestWaiting")["next"]
    assert None not in (newest, waiting, rival)
    for order, wrong in (("longestWaiting", newest), ("newest", waiting), ("longestWaiting", rival)):
        assert error_code_of(tenants.bob, "inbox:list", order=order, after=wrong) == "INVALID"


@pytest.mark.parametrize("wrong", [{"order": "oldest"}, {"order": 1}, {"waiting": "yes"}, {"waiting": None}])
def test_wrong_arguments_are_refused(tenants, wrong):
    error_code_of(tenants.bob, "inbox:list", **wrong)
