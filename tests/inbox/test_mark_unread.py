"""Marking a conversation as unread: for one operator, until they open it again."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from playwright.sync_api import expect

from conversations import actions
from conversations.models import OperatorReadState
from tests.inbox.test_in_a_browser import path_of, row
from tests.inbox.test_lists_and_unread_counts import unread_of
from tests.inbox.test_live_functions import north_args, write_as_visitor
from tests.sync.live_client import call_as

__all__ = ["north_args"]

pytestmark = pytest.mark.django_db


def test_conversation_is_unread_for_this_operator_until_they_open_it_again(tenants, conversations, north_args):
    north = str(conversations.north.pk)
    for operator in (tenants.alice, tenants.bob):
        call_as(operator, "presence:touch", **north_args)
    before = call_as(tenants.bob, "inbox:counts")
    assert call_as(tenants.bob, "inbox:markUnread", **north_args) == {"ok": True}
    assert unread_of(tenants.bob)[north]
    assert not unread_of(tenants.alice)[north]
    counts = call_as(tenants.bob, "inbox:counts")
    assert counts["unread"] == before["unread"] + 1
    call_as(tenants.bob, "inbox:markUnread", **north_args)  # a repetition changes nothing
    assert call_as(tenants.bob, "inbox:counts") == counts
    call_as(tenants.alice, "messages:send", **north_args, body="I answer this")
    assert unread_of(tenants.bob)[north]
    call_as(tenants.bob, "presence:touch", **north_args)
    assert call_as(tenants.bob, "inbox:counts") == before


def test_only_a_message_that_the_operator_has_not_seen_is_announced(tenants, conversations, north_args):
    def newest():
        return call_as(tenants.bob, "inbox:counts")["newest"]

    assert newest()["seen"] is False
    call_as(tenants.bob, "presence:touch", **north_args)
    assert newest() is None
    call_as(tenants.bob, "inbox:markUnread", **north_args)
    assert (newest()["conversationId"], newest()["seen"]) == (north_args["conversationId"], True)
    write_as_visitor(conversations.north)
    assert newest()["seen"] is False


def test_unread_conversation_stays_unread_when_marked(tenants, conversations, north_args):
    call_as(tenants.bob, "inbox:markUnread", **north_args)
    assert unread_of(tenants.bob)[north_args["conversationId"]]
    assert not OperatorReadState.objects.filter(operator=tenants.bob, highest_position__gt=0).exists()


def test_marking_as_unread_leaves_the_visitors_view_and_the_conversation_unchanged(tenants, conversations, north_args):
    call_as(tenants.bob, "presence:touch", **north_args)
    conversations.north.refresh_from_db()
    before = (conversations.north.updated_at, conversations.north.read_state.by_operators)
    with CaptureQueriesContext(connection) as queries:
        actions.mark_unread(conversations.north, operator=tenants.bob)
    assert len([each for each in queries if not each["sql"].startswith(("SAVEPOINT", "RELEASE"))]) <= 2
    conversations.north.refresh_from_db()
    assert (conversations.north.updated_at, conversations.north.read_state.by_operators) == before


@pytest.mark.browser
@pytest.mark.live
@pytest.mark.usefixtures("chromium")
@pytest.mark.django_db(transaction=True)
def test_key_u_closes_the_conversation_and_leaves_it_unread(tenants, conversations, browsers):
    page = browsers.open(tenants.bob, path_of(conversations.north))
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    expect(page).to_have_title("Inbox | PraxTalk")  # it has been seen
    page.keyboard.press("u")
    expect(page.locator("#thread-pane")).to_contain_text("Select a conversation")
    expect(page.locator(".row.unread", has_text="Maya A.")).to_have_count(1)
    expect(page).to_have_title("(1) Inbox | PraxTalk")
    page.reload()
    expect(page.locator(".row.unread", has_text="Maya A.")).to_have_count(1)
    row(page, "Maya A.").click()
    expect(page.get_by_role("log")).to_contain_text("Hello?")
    expect(page).to_have_title("Inbox | PraxTalk")
    page.get_by_role("button", name="Mark as unread").click()
    expect(page).to_have_title("(1) Inbox | PraxTalk")
    assert page.problems == []
