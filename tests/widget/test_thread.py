"""The live thread of a visitor: its content, typing indicators and read receipts."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from brands.actions import configure_widget
from conversations.actions import read_until, send_message, touch_presence
from conversations.models import Channel, Conversation, Message
from praxtalk.core.live import executor, functions
from praxtalk.core.live.topics import capture_topics
from tests.sync.live_client import call_as
from tests.sync.sockets import RequestFailed
from tests.widget.visitors import VisitorClient

pytestmark = pytest.mark.django_db


@pytest.fixture
def visitor_client(tenants):
    visitor_client = VisitorClient(tenants.north)
    visitor_client.start(message="one")
    return visitor_client


def reply(body="two", author=None):
    return send_message(
        Conversation.objects.get(), role=Message.Role.OPERATOR, body=body, channel=Channel.API, author=author
    )


def test_live_thread_equals_the_http_response_and_hides_private_fields(tenants, visitor_client):
    reply(author=tenants.alice)
    thread = visitor_client.call_function("widget:thread")
    assert thread == visitor_client.thread().json()
    assert [(one["role"], one["body"], one["author"]) for one in thread["messages"]] == [
        ("visitor", "one", None),
        ("operator", "two", {"name": "Alice"}),
    ]
    assert thread["messages"][0]["clientId"]
    assert thread["visitor"] == {"name": "Maya A.", "email": "maya@example.com"}
    assert str(tenants.alice.pk) not in str(thread)
    assert tenants.alice.email not in str(thread)


def test_notes_and_client_ids_of_operators_are_hidden(tenants, visitor_client):
    conversation = Conversation.objects.get()
    conversation.notes.create(workspace=tenants.acme, position=99, author=tenants.alice, body="a secret remark")
    call_as(
        tenants.alice, "messages:send", conversationId=str(conversation.pk), body="Hi", clientMessageId="inside-name"
    )
    text = str(visitor_client.call_function("widget:thread"))
    assert "secret" not in text
    assert "inside-name" not in text


def test_replies_are_unread_until_seen(visitor_client):
    first, second = reply("two"), reply("three")
    assert visitor_client.call_function("widget:thread")["unread"] == 2
    visitor_client.call_function("widget:look", seenId=str(first.pk))
    assert visitor_client.call_function("widget:thread")["unread"] == 1
    visitor_client.call_function("widget:look", seenId=str(second.pk))
    visitor_client.call_function("widget:look", seenId=str(first.pk))  # from a tab that shows fewer messages
    thread = visitor_client.call_function("widget:thread")
    assert (thread["unread"], thread["readId"]) == (0, str(second.pk))


def test_operators_see_the_visitors_read_receipt_and_typing(tenants, visitor_client, time_machine):
    time_machine.move_to("2026-05-01 12:00Z", tick=False)
    here = {"conversationId": str(Conversation.objects.get().pk)}
    message = reply()
    assert call_as(tenants.alice, "presence:visitor", **here) == {"typing": False, "readId": None}
    visitor_client.call_function("widget:look", typing=True, seenId=str(message.pk))
    assert call_as(tenants.alice, "presence:visitor", **here) == {"typing": True, "readId": str(message.pk)}
    visitor_client.call_function("widget:look", typing=False)
    assert call_as(tenants.alice, "presence:visitor", **here)["typing"] is False
    visitor_client.call_function("widget:look", typing=True)
    time_machine.shift(11)
    assert call_as(tenants.alice, "presence:visitor", **here)["typing"] is False


def test_visitor_sees_the_operators_read_receipt_and_typing(tenants, visitor_client, time_machine):
    time_machine.move_to("2026-05-01 12:00Z", tick=False)
    conversation = Conversation.objects.get()
    assert visitor_client.call_function("widget:thread")["seenId"] is None
    touch_presence(conversation, operator=tenants.alice, is_typing=True)
    thread = visitor_client.call_function("widget:thread")
    assert thread["typing"] == ["Alice"]
    assert thread["seenId"] == thread["messages"][0]["_id"]
    time_machine.shift(11)
    assert visitor_client.call_function("widget:thread")["typing"] == []


def test_reply_marks_earlier_messages_as_seen(visitor_client):
    assert visitor_client.call_function("widget:thread")["seenId"] is None
    message = reply()
    assert visitor_client.call_function("widget:thread")["seenId"] == str(message.pk)


def test_token_is_valid_only_for_its_own_widget(tenants, visitor_client):
    for arguments in ({"widgetId": tenants.south.widget_id}, {"widgetId": "ws_x"}, {"visitorToken": "a.b.c"}):
        for name in ("widget:thread", "widget:look"):
            with pytest.raises(RequestFailed) as refused:
                visitor_client.call_function(name, **arguments)
            assert refused.value.code == "UNAUTHENTICATED"
    assert visitor_client.call_function("widget:look") == {"ok": True}


def test_operator_and_visitor_tokens_are_not_interchangeable(tenants, visitor_client):
    from accounts.actions.operator_tokens import issue_token

    with pytest.raises(RequestFailed) as refused:
        visitor_client.call_function("widget:thread", visitorToken=issue_token(tenants.alice)[0])
    assert refused.value.code == "UNAUTHENTICATED"
    operators_call = {"sessionToken": visitor_client.token}
    call = functions.parse_call("conversations:listInbox", [operators_call], kind="query", socket_token=None)
    with pytest.raises(functions.FunctionError):
        executor.identify(call.function.authenticator, call.token)


def test_message_of_another_visitor_cannot_be_marked_as_seen(tenants, visitor_client):
    other = VisitorClient(tenants.north)
    theirs = other.start().json()["messageId"]
    visitor_client.call_function("widget:look", seenId=theirs)
    assert visitor_client.call_function("widget:thread")["readId"] is None


def topics_of(visitor_client):
    wire = [{"visitorToken": visitor_client.token, "widgetId": visitor_client.brand.widget_id}]
    call = functions.parse_call("widget:thread", wire, kind="query", socket_token=None)
    caller = executor.identify(call.function.authenticator, call.token)
    return set(call.function.topics_of(caller, call.validated_arguments()))


@pytest.mark.parametrize("what", ["message", "typing", "hours", "look"])
def test_changes_are_published_only_to_the_visitors_own_thread(
    tenants, visitor_client, what, django_capture_on_commit_callbacks
):
    others = [VisitorClient(tenants.south), VisitorClient(tenants.west)]
    for other in others:
        other.start()
    conversation = Conversation.objects.get(brand=tenants.north)
    with capture_topics() as announced, django_capture_on_commit_callbacks(execute=True):
        if what == "message":
            send_message(conversation, role=Message.Role.OPERATOR, body="two", channel=Channel.API)
        elif what == "typing":
            touch_presence(conversation, operator=tenants.alice, is_typing=True)
        elif what == "look":
            read_until(conversation, by_visitor=1)
        else:
            configure_widget(tenants.north, business_hours={"mon": ["09:00-09:01"]})
    assert topics_of(visitor_client) & announced
    for other in others:
        assert not topics_of(other) & announced


def test_number_of_queries_does_not_depend_on_the_number_of_messages(tenants, visitor_client):
    counts = []
    for count in (3, 36):
        for number in range(count):
            reply(str(number))
        with CaptureQueriesContext(connection) as queries:
            visitor_client.call_function("widget:thread")
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 6
