"""The live thread of a visitor: its content, typing indicators and read receipts."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from brands.actions import configure_widget
from conversations.actions import read_until, send_message, touch_presence
from conversations.models import Channel, Conversation, Message
from praxtalk.core.live import executor, functions
from praxtalk.core.live.topics import capture_topics
from tests.sync.live_client import ask
from tests.sync.sockets import Failed
from tests.widget.visitors import Browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def maya(cast):
    made = Browser(cast.north)
    made.start(message="one")
    return made


def reply(body="two", author=None):
    return send_message(
        Conversation.objects.get(), role=Message.Role.OPERATOR, body=body, channel=Channel.API, author=author
    )


def test_live_thread_equals_the_http_response_and_hides_private_fields(cast, maya):
    reply(author=cast.alice)
    thread = maya.ask("widget:thread")
    assert thread == maya.thread().json()
    assert [(one["role"], one["body"], one["author"]) for one in thread["messages"]] == [
        ("visitor", "one", None),
        ("operator", "two", {"name": "Alice"}),
    ]
    assert thread["messages"][0]["clientId"]
    assert thread["visitor"] == {"name": "Maya A.", "email": "maya@example.com"}
    assert str(cast.alice.pk) not in str(thread)
    assert cast.alice.email not in str(thread)


def test_notes_and_client_ids_of_operators_are_hidden(cast, maya):
    conversation = Conversation.objects.get()
    conversation.notes.create(workspace=cast.acme, position=99, author=cast.alice, body="a secret remark")
    ask(cast.alice, "messages:send", conversationId=str(conversation.pk), body="Hi", clientMessageId="inside-name")
    text = str(maya.ask("widget:thread"))
    assert "secret" not in text
    assert "inside-name" not in text


def test_replies_are_unread_until_seen(maya):
    first, second = reply("two"), reply("three")
    assert maya.ask("widget:thread")["unread"] == 2
    maya.ask("widget:look", seenId=str(first.pk))
    assert maya.ask("widget:thread")["unread"] == 1
    maya.ask("widget:look", seenId=str(second.pk))
    maya.ask("widget:look", seenId=str(first.pk))  # from a tab that shows fewer messages
    thread = maya.ask("widget:thread")
    assert (thread["unread"], thread["readId"]) == (0, str(second.pk))


def test_operators_see_the_visitors_read_receipt_and_typing(cast, maya, time_machine):
    time_machine.move_to("2026-05-01 12:00Z", tick=False)
    here = {"conversationId": str(Conversation.objects.get().pk)}
    message = reply()
    assert ask(cast.alice, "presence:visitor", **here) == {"typing": False, "readId": None}
    maya.ask("widget:look", typing=True, seenId=str(message.pk))
    assert ask(cast.alice, "presence:visitor", **here) == {"typing": True, "readId": str(message.pk)}
    maya.ask("widget:look", typing=False)
    assert ask(cast.alice, "presence:visitor", **here)["typing"] is False
    maya.ask("widget:look", typing=True)
    time_machine.shift(11)
    assert ask(cast.alice, "presence:visitor", **here)["typing"] is False


def test_visitor_sees_the_operators_read_receipt_and_typing(cast, maya, time_machine):
    time_machine.move_to("2026-05-01 12:00Z", tick=False)
    conversation = Conversation.objects.get()
    assert maya.ask("widget:thread")["seenId"] is None
    touch_presence(conversation, operator=cast.alice, is_typing=True)
    thread = maya.ask("widget:thread")
    assert thread["typing"] == ["Alice"]
    assert thread["seenId"] == thread["messages"][0]["_id"]
    time_machine.shift(11)
    assert maya.ask("widget:thread")["typing"] == []


def test_reply_marks_earlier_messages_as_seen(maya):
    assert maya.ask("widget:thread")["seenId"] is None
    message = reply()
    assert maya.ask("widget:thread")["seenId"] == str(message.pk)


def test_token_is_valid_only_for_its_own_widget(cast, maya):
    for arguments in ({"widgetId": cast.south.widget_id}, {"widgetId": "ws_x"}, {"visitorToken": "a.b.c"}):
        for name in ("widget:thread", "widget:look"):
            with pytest.raises(Failed) as refused:
                maya.ask(name, **arguments)
            assert refused.value.code == "UNAUTHENTICATED"
    assert maya.ask("widget:look") == {"ok": True}


def test_operator_and_visitor_tokens_are_not_interchangeable(cast, maya):
    from accounts.operator_tokens import issue_token

    with pytest.raises(Failed) as refused:
        maya.ask("widget:thread", visitorToken=issue_token(cast.alice)[0])
    assert refused.value.code == "UNAUTHENTICATED"
    operators_call = {"sessionToken": maya.token}
    asked = functions.parse_call("conversations:listInbox", [operators_call], kind="query", socket_token=None)
    with pytest.raises(functions.FunctionError):
        executor.identify(asked.function.authenticator, asked.token)


def test_message_of_another_visitor_cannot_be_marked_as_seen(cast, maya):
    other = Browser(cast.north)
    theirs = other.start().json()["messageId"]
    maya.ask("widget:look", seenId=theirs)
    assert maya.ask("widget:thread")["readId"] is None


def topics_of(maya):
    wire = [{"visitorToken": maya.token, "widgetId": maya.brand.widget_id}]
    asked = functions.parse_call("widget:thread", wire, kind="query", socket_token=None)
    caller = executor.identify(asked.function.authenticator, asked.token)
    return set(asked.function.topics_of(caller, asked.validated_arguments()))


@pytest.mark.parametrize("what", ["message", "typing", "hours", "look"])
def test_changes_are_published_only_to_the_visitors_own_thread(cast, maya, what, django_capture_on_commit_callbacks):
    others = [Browser(cast.south), Browser(cast.west)]
    for other in others:
        other.start()
    conversation = Conversation.objects.get(brand=cast.north)
    with capture_topics() as announced, django_capture_on_commit_callbacks(execute=True):
        if what == "message":
            send_message(conversation, role=Message.Role.OPERATOR, body="two", channel=Channel.API)
        elif what == "typing":
            touch_presence(conversation, operator=cast.alice, is_typing=True)
        elif what == "look":
            read_until(conversation, by_visitor=1)
        else:
            configure_widget(cast.north, business_hours={"mon": ["09:00-09:01"]})
    assert topics_of(maya) & announced
    for other in others:
        assert not topics_of(other) & announced


def test_number_of_queries_does_not_depend_on_the_number_of_messages(cast, maya):
    counts = []
    for count in (3, 36):
        for number in range(count):
            reply(str(number))
        with CaptureQueriesContext(connection) as queries:
            maya.ask("widget:thread")
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 6
