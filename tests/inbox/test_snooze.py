"""Snoozed conversations, and what ends the snooze."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Operator
from conversations import actions
from conversations.models import Activity
from tests.conftest import make_conversation
from tests.inbox.test_assignments import assign_to
from tests.inbox.test_live_functions import write_as_visitor
from tests.inbox.test_mail import travel_forward
from tests.sync.live_client import call_as

pytestmark = pytest.mark.django_db


def snooze(conversation, until):
    actions.set_status(conversation, status="snoozed", snoozed_until=until)
    conversation.refresh_from_db()


def test_ended_snooze_moves_to_the_top_becomes_unread_and_is_recorded_in_the_thread(tenants, conversations, api_client):
    north_args = {"conversationId": str(conversations.north.pk)}
    assign_to(conversations.north, tenants.bob)
    make_conversation(tenants.north, name="Newer")
    snooze(conversations.north, until=timezone.now() + timedelta(hours=1))
    call_as(tenants.bob, "presence:touch", **north_args)
    before, last_message_at = call_as(tenants.bob, "inbox:counts")["unread"], conversations.north.last_message_at
    assert actions.wake_next_snoozed() is None
    with travel_forward(hours=2):
        assert actions.wake_next_snoozed() == conversations.north
        assert actions.wake_next_snoozed() is None
        counts, rows = call_as(tenants.bob, "inbox:counts"), call_as(tenants.bob, "inbox:list")["rows"]
    assert counts["unread"] == before + 1
    assert counts["newest"]["conversationId"] == str(conversations.north.pk)
    assert counts["newest"]["snoozeEnded"] is True
    assert (rows[0]["_id"], rows[0]["unread"]) == (str(conversations.north.pk), True)
    assert rows[0]["lastActivityAt"] > rows[0]["lastMessageAt"]
    line = call_as(tenants.bob, "inbox:thread", **north_args)["entries"][-1]
    assert line["details"] == {"status": "open", "previous": "snoozed", "snoozeEnded": True}
    conversations.north.refresh_from_db()
    assert conversations.north.last_message_at == last_message_at  # the REST API documents this
    first_page = api_client.get("/api/v1/conversations?limit=1").json()
    assert first_page["conversations"][0]["_id"] == str(conversations.north.pk)
    more = api_client.get(f"/api/v1/conversations?cursor={first_page['nextCursor']}").json()["conversations"]
    assert str(conversations.north.pk) not in [each["_id"] for each in more]
    call_as(tenants.bob, "presence:touch", **north_args)
    assert call_as(tenants.bob, "inbox:counts")["unread"] == before


def test_visitor_message_ends_the_snooze(tenants, conversations):
    snooze(conversations.north, until=None)
    write_as_visitor(conversations.north)
    conversations.north.refresh_from_db()
    assert conversations.north.status == "open"
    line = Activity.objects.filter(conversation=conversations.north).latest("position")
    assert (line.actor, line.details["snoozeEnded"]) == ("Maya A.", True)
    assert call_as(tenants.bob, "inbox:list")["rows"][0]["unread"]


def test_reopening_a_snoozed_conversation_is_not_recorded_as_an_ended_snooze(tenants, conversations):
    snooze(conversations.north, until=None)
    call_as(tenants.bob, "conversations:setStatus", conversationId=str(conversations.north.pk), status="open")
    line = Activity.objects.filter(conversation=conversations.north).latest("position")
    assert (line.actor, line.details) == ("Bob", {"status": "open", "previous": "snoozed"})


def test_snooze_of_an_unavailable_assignee_ends_unassigned(tenants, conversations):
    assign_to(conversations.north, tenants.bob)
    snooze(conversations.north, until=timezone.now() + timedelta(hours=1))
    call_as(tenants.alice, "presence:touch", conversationId=str(conversations.north.pk))
    before = call_as(tenants.alice, "inbox:counts")["unread"]
    Operator.objects.filter(pk=tenants.bob.pk).update(is_active=False)
    with travel_forward(hours=2):
        actions.wake_next_snoozed()
    assert call_as(tenants.alice, "inbox:counts")["unread"] == before + 1


def test_ended_snooze_is_unread_for_the_assignee_or_for_everyone_if_there_is_none(tenants, conversations):
    assigned = make_conversation(tenants.north)
    assign_to(assigned, tenants.bob)
    for conversation in (assigned, conversations.north):
        for operator in (tenants.alice, tenants.bob):
            call_as(operator, "presence:touch", conversationId=str(conversation.pk))
        snooze(conversation, until=timezone.now() + timedelta(hours=1))
    before = {each: call_as(each, "inbox:counts")["unread"] for each in (tenants.alice, tenants.bob)}
    with travel_forward(hours=2):
        while actions.wake_next_snoozed():
            pass
    after = {each: call_as(each, "inbox:counts") for each in (tenants.alice, tenants.bob)}
    assert after[tenants.alice]["unread"] == before[tenants.alice] + 1
    assert after[tenants.bob]["unread"] == before[tenants.bob] + 2
    for counts in after.values():
        assert (counts["newest"]["snoozeEnded"], counts["newest"]["seen"]) == (True, False)
