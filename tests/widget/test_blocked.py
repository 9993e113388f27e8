"""Blocked visitors: new messages and files are rejected, earlier messages stay."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from conversations.actions import block_visitor, set_status
from conversations.models import Attachment, Conversation, Message, Visitor
from tests.live.driver import wait_for
from tests.sync.live_client import ask
from tests.sync.sockets import Failed
from tests.widget.test_attachments import folder, image, stored
from tests.widget.visitors import Browser, client_id, identity_of

__all__ = ["folder"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def maya(cast):
    made = Browser(cast.north)
    made.start(message="one")
    return made


def block(is_blocked=True):
    block_visitor(Conversation.objects.order_by("created_at").first(), is_blocked=is_blocked)


def assert_refused(response):
    assert response.status_code == 403, response.content
    assert response["X-Error-Code"] == response.json()["code"] == "blocked"
    assert response.json()["error"] == "You can no longer send messages here."
    assert response["Access-Control-Allow-Origin"] == "*"


def test_blocked_visitor_cannot_write_but_can_still_read(maya):
    assert maya.say("two").status_code == 201
    block()
    assert_refused(maya.say("three"))
    assert maya.bodies() == ["one", "two"]
    assert maya.ask("widget:thread") == maya.thread().json()
    block(False)
    assert maya.say("four").status_code == 201
    assert maya.bodies() == ["one", "two", "four"]


def test_blocked_visitor_cannot_send_a_file(maya, folder):
    assert maya.send_file("photo.png", image()).status_code == 201
    block()
    assert_refused(maya.send_file("other.png", image()))
    assert Attachment.objects.count() == len(stored(folder)) == 1


def test_blocked_visitor_cannot_start_a_new_conversation(maya):
    block()
    set_status(Conversation.objects.get(), status="closed")
    assert_refused(maya.say("again"))
    assert Conversation.objects.count() == Message.objects.count() == 1


def test_blocked_visitor_cannot_resend_the_form(cast):
    maya, form = Browser(cast.north), {"clientId": client_id()}
    maya.start(**form)
    block()
    assert_refused(maya.start(**form))


def test_blocked_identified_person_cannot_write_from_another_device(cast):
    phone, laptop = Browser(cast.north), Browser(cast.north)
    identity = identity_of(cast.north, name="Maya", email="maya@site.example")
    phone.start(identity=identity, message="from the phone")
    block()
    assert_refused(laptop.start(identity=identity | {"name": "Another"}, message="from the laptop"))
    assert phone.thread().json()["visitor"]["name"] == "Maya"
    known = laptop.post("identify", {"widgetId": cast.north.widget_id, **identity}).json()
    laptop.token = known["token"]
    assert laptop.bodies() == ["from the phone"]


def test_other_visitors_are_not_affected_by_a_block(cast, maya):
    block()
    other = Browser(cast.north)
    assert other.start().status_code == 201
    assert other.say("Hi").status_code == 201


def test_blocked_visitor_updates_read_state_but_shows_no_typing(cast, maya):
    here = {"conversationId": str(Conversation.objects.get().pk)}
    newest = ask(cast.alice, "messages:send", **here, body="two")["messageId"]
    block()
    assert maya.ask("widget:look", typing=True, seenId=newest) == {"ok": True}
    assert ask(cast.alice, "presence:visitor", **here) == {"typing": False, "readId": newest}
    block(False)
    maya.ask("widget:look", typing=True)
    assert ask(cast.alice, "presence:visitor", **here)["typing"] is True


def test_blocked_visitor_is_not_asked_for_a_rating(maya):
    set_status(Conversation.objects.get(), status="resolved")
    block()
    assert maya.ask("widget:thread")["rating"] is None
    with pytest.raises(Failed) as refused:
        maya.ask("widget:rate", rating=1, comment="Let me in")
    assert refused.value.code == "INVALID"
    block(False)
    assert maya.ask("widget:rate", rating=1) == {"ok": True}


@pytest.mark.django_db(transaction=True)
def test_blocking_and_writing_at_the_same_time_do_not_deadlock(maya):
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
    assert_refused(maya.say("two"))


def count_waiting_locks():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0]
