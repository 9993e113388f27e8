"""A visitor whom the operators have blocked: nothing of theirs is taken, and what was said stays."""

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
    assert response.json()["error"] == "Your messages are not taken here any more."
    assert response["Access-Control-Allow-Origin"] == "*"


def test_a_blocked_visitor_cannot_write_and_reads_on(maya):
    assert maya.say("two").status_code == 201
    block()
    assert_refused(maya.say("three"))
    assert maya.bodies() == ["one", "two"]
    assert maya.ask("widget:thread") == maya.thread().json()
    block(False)
    assert maya.say("four").status_code == 201
    assert maya.bodies() == ["one", "two", "four"]


def test_nor_send_a_file(maya, folder):
    assert maya.send_file("photo.png", image()).status_code == 201
    block()
    assert_refused(maya.send_file("other.png", image()))
    assert Attachment.objects.count() == len(stored(folder)) == 1


def test_nor_begin_a_new_conversation(maya):
    block()
    set_status(Conversation.objects.get(), status="closed")
    assert_refused(maya.say("again"))
    assert Conversation.objects.count() == Message.objects.count() == 1


def test_nor_send_the_form_once_more(cast):
    maya, form = Browser(cast.north), {"clientId": client_id()}
    maya.start(**form)
    block()
    assert_refused(maya.start(**form))


def test_nor_begin_on_another_device_as_the_person_they_are_known_as(cast):
    phone, laptop = Browser(cast.north), Browser(cast.north)
    identity = identity_of(cast.north, name="Maya", email="maya@site.example")
    phone.start(identity=identity, message="from the phone")
    block()
    assert_refused(laptop.start(identity=identity | {"name": "Another"}, message="from the laptop"))
    assert phone.thread().json()["visitor"]["name"] == "Maya"
    known = laptop.post("identify", {"widgetId": cast.north.widget_id, **identity}).json()
    laptop.token = known["token"]
    assert laptop.bodies() == ["from the phone"]


def test_nobody_else_is_refused(cast, maya):
    block()
    other = Browser(cast.north)
    assert other.start().status_code == 201
    assert other.say("Hi").status_code == 201


def test_what_they_see_and_type_does_no_harm(cast, maya):
    here = {"conversationId": str(Conversation.objects.get().pk)}
    newest = ask(cast.alice, "messages:send", **here, body="two")["messageId"]
    block()
    assert maya.ask("widget:look", typing=True, seenId=newest) == {"ok": True}
    assert ask(cast.alice, "presence:visitor", **here) == {"typing": False, "readId": newest}
    block(False)
    maya.ask("widget:look", typing=True)
    assert ask(cast.alice, "presence:visitor", **here)["typing"] is True


def test_they_are_not_asked_how_it_was(maya):
    set_status(Conversation.objects.get(), status="resolved")
    block()
    assert maya.ask("widget:thread")["rating"] is None
    with pytest.raises(Failed) as refused:
        maya.ask("widget:rate", rating=1, comment="Let me in")
    assert refused.value.code == "INVALID"
    block(False)
    assert maya.ask("widget:rate", rating=1) == {"ok": True}


@pytest.mark.django_db(transaction=True)
def test_who_blocks_and_who_writes_at_once_do_not_wait_for_each_other(maya):
    """Who writes has the visitor's row first, then the conversation's: so it is free until then."""

    def block_meanwhile():
        try:
            block()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as elsewhere:
        with transaction.atomic():
            Visitor.objects.select_for_update(no_key=True).get()
            blocking = elsewhere.submit(block_meanwhile)
            wait_for(somebody_waits, "it does not wait for the visitor's row")
            Conversation.objects.select_for_update(no_key=True, nowait=True).get()
        blocking.result()
    assert_refused(maya.say("two"))


def somebody_waits():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0]
