"""Blocked visitors: new messages and files are rejected, earlier messages stay."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from conversations.actions import block_visitor, set_status
from conversations.models import Attachment, Conversation, Message, Visitor
from tests.live.driver import wait_for
from tests.sync.live_client import call_as
from tests.sync.sockets import RequestFailed
from tests.widget.test_attachments import folder, image, stored
from tests.widget.visitors import VisitorClient, client_id, identity_of

__all__ = ["folder"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def visitor_client(tenants):
    visitor_client = VisitorClient(tenants.north)
    visitor_client.start(message="one")
    return visitor_client


def block(is_blocked=True):
    block_visitor(Conversation.objects.order_by("created_at").first(), is_blocked=is_blocked)


def assert_refused(response):
    assert response.status_code == 403, response.content
    assert response["X-Error-Code"] == response.json()["code"] == "blocked"
    assert response.json()["error"] == "You can no longer send messages here."
    assert response["Access-Control-Allow-Origin"] == "*"


def test_blocked_visitor_cannot_write_but_can_still_read(visitor_client):
    assert visitor_client.send_message("two").status_code == 201
    block()
    assert_refused(visitor_client.send_message("three"))
    assert visitor_client.bodies() == ["one", "two"]
    assert visitor_client.call_function("widget:thread") == visitor_client.thread().json()
    block(False)
    assert visitor_client.send_message("four").status_code == 201
    assert visitor_client.bodies() == ["one", "two", "four"]


def test_blocked_visitor_cannot_send_a_file(visitor_client, folder):
    assert visitor_client.send_file("photo.png", image()).status_code == 201
    block()
    assert_refused(visitor_client.send_file("other.png", image()))
    assert Attachment.objects.count() == len(stored(folder)) == 1


def test_blocked_visitor_cannot_start_a_new_conversation(visitor_client):
    block()
    set_status(Conversation.objects.get(), status="closed")
    assert_refused(visitor_client.send_message("again"))
    assert Conversation.objects.count() == Message.objects.count() == 1


def test_blocked_visitor_cannot_resend_the_form(tenants):
    visitor_client, form = VisitorClient(tenants.north), {"clientId": client_id()}
    visitor_client.start(**form)
    block()
    assert_refused(visitor_client.start(**form))


def test_blocked_identified_person_cannot_write_from_another_device(tenants):
    phone, laptop = VisitorClient(tenants.north), VisitorClient(tenants.north)
    identity = identity_of(tenants.north, name="Maya", email="maya@site.example")
    phone.start(identity=identity, message="from the phone")
    block()
    assert_refused(laptop.start(identity=identity | {"name": "Another"}, message="from the laptop"))
    assert phone.thread().json()["visitor"]["name"] == "Maya"
    known = laptop.post("identify", {"widgetId": tenants.north.widget_id, **identity}).json()
    laptop.token = known["token"]
    assert laptop.bodies() == ["from the phone"]


def test_other_visitors_are_not_affected_by_a_block(tenants, visitor_client):
    block()
    other = VisitorClient(tenants.north)
    assert other.start().status_code == 201
    assert other.send_message("Hi").status_code == 201


def test_blocked_visitor_updates_read_state_but_shows_no_typing(tenants, visitor_client):
    here = {"conversationId": str(Conversation.objects.get().pk)}
    newest = call_as(tenants.alice, "messages:send", **here, body="two")["messageId"]
    block()
    assert visitor_client.call_function("widget:look", typing=True, seenId=newest) == {"ok": True}
    assert call_as(tenants.alice, "presence:visitor", **here) == {"typing": False, "readId": newest}
    block(False)
    visitor_client.call_function("widget:look", typing=True)
    assert call_as(tenants.alice, "presence:visitor", **here)["typing"] is True


def test_blocked_visitor_is_not_asked_for_a_rating(visitor_client):
    set_status(Conversation.objects.get(), status="resolved")
    block()
    assert visitor_client.call_function("widget:thread")["rating"] is None
    with pytest.raises(RequestFailed) as refused:
        visitor_client.call_function("widget:rate", rating=1, comment="Let me in")
    assert refused.value.code == "INVALID"
    block(False)
    assert visitor_client.call_function("widget:rate", rating=1) == {"ok": True}


@pytest.mark.django_db(transaction=True)
def test_blocking_and_writing_at_the_same_time_do_not_deadlock(visitor_client):
    """Sending locks the visitor's row before the conversation's row, so the conversation stays free until then."""

    def block_in_a_thread():
        try:
            block()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as elsewhere:
        with transaction.atomic():
            Visitor.objects.select_for_update(no_key=True).get()
            blocking = elsewhere.submit(block_in_a_thread)
            wait_for(count_waiting_locks, "it does not wait for the visitor's row")
            Conversation.objects.select_for_update(no_key=True, nowait=True).get()
        blocking.result()
    assert_refused(visitor_client.send_message("two"))


def count_waiting_locks():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0]
