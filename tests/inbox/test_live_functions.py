"""Live functions of the inbox: threads with notes, double replies, canned replies, preferences and scope."""

import json
from functools import partial

import pytest

from accounts.models import Operator
from brands.models import OperatorBrand
from conversations import actions
from conversations.actions.canned_replies import create_canned_reply
from conversations.models import Activity, Channel, Conversation, ConversationTag, Message, Note
from integrations.models import Event
from tests.conftest import make_conversation
from tests.sync.live_client import call_as, call_with_token
from tests.sync.sockets import RequestFailed

pytestmark = pytest.mark.django_db


def error_code_of(operator, name, **arguments):
    with pytest.raises(RequestFailed) as refused:
        call_as(operator, name, **arguments)
    return refused.value.code


def write_as_visitor(conversation, body="Are you there?"):
    return actions.send_message(conversation, role=Message.Role.VISITOR, body=body, channel=Channel.WIDGET)


@pytest.fixture
def north_args(conversations):
    return {"conversationId": str(conversations.north.pk)}


# --- threads ---


def test_thread_lists_messages_notes_and_activities_in_order(tenants, conversations, north_args):
    call_as(tenants.alice, "notes:write", **north_args, body="Careful with this one")
    call_as(tenants.alice, "conversations:assign", **north_args, operatorId=str(tenants.bob.pk))
    write_as_visitor(conversations.north)
    shown = call_as(tenants.bob, "inbox:thread", **north_args)
    kinds = [(entry["type"], entry.get("body") or entry["kind"]) for entry in shown["entries"]]
    assert kinds == [
        ("message", "Hello?"),
        ("message", "Hi!"),
        ("note", "Careful with this one"),
        ("activity", "assigned"),
        ("message", "Are you there?"),
    ]
    assert [entry["position"] for entry in shown["entries"]] == [1, 2, 3, 4, 5]
    assert shown["entries"][3]["actor"] == "Alice"
    assert shown["entries"][3]["details"] == {"to": {"_id": str(tenants.bob.pk), "name": "Bob"}}
    assert (shown["hasMore"], shown["conversation"]["brand"]["name"]) == (False, "North")


def test_long_thread_is_paginated(tenants, conversations, north_args):
    for number in range(120):
        actions.write_note(conversations.north, author=tenants.alice, body=f"Note {number}")
    newest = call_as(tenants.alice, "inbox:thread", **north_args)
    assert (len(newest["entries"]), newest["hasMore"]) == (100, True)
    older = call_as(tenants.alice, "inbox:thread", **north_args, before=newest["entries"][0]["position"])
    assert [entry["position"] for entry in older["entries"] + newest["entries"]] == list(range(1, 123))
    assert older["hasMore"] is False


def test_activities_name_the_actor_whether_operator_visitor_or_api_key(tenants, conversations, api_client, north_args):
    call_as(tenants.bob, "conversations:setStatus", **north_args, status="resolved")
    write_as_visitor(conversations.north)
    api_client.patch(f"/api/v1/conversations/{conversations.north.pk}", {"status": "closed"})
    logged = [(each.actor, each.operator_id, each.details["status"]) for each in Activity.objects.order_by("position")]
    assert logged[:2] == [("Bob", tenants.bob.pk, "resolved"), ("Maya A.", None, "open")]
    assert logged[2][1:] == (None, "closed")
    assert "test" in logged[2][0]  # the name of the API key


def test_note_is_visible_to_operators_only(tenants, conversations, api_client, webhooks, north_args):
    before = Event.objects.count()
    call_as(tenants.alice, "notes:write", **north_args, body="between-us")
    assert Event.objects.count() == before
    conversation = api_client.get(f"/api/v1/conversations/{conversations.north.pk}").content
    messages = api_client.get(f"/api/v1/conversations/{conversations.north.pk}/messages").content
    for seen in (
        conversation,
        messages,
        json.dumps(call_as(tenants.alice, "conversations:get", **north_args)).encode(),
    ):
        assert b"between-us" not in seen
    assert "between-us" in json.dumps(call_as(tenants.bob, "inbox:thread", **north_args))


def test_note_sent_twice_with_one_client_id_is_stored_once(tenants, north_args):
    first = call_as(tenants.alice, "notes:write", **north_args, body="MutationId", clientMessageId="one")
    assert call_as(tenants.alice, "notes:write", **north_args, body="MutationId", clientMessageId="one") == first
    assert Note.objects.count() == 1


# --- two operators ---


def test_reply_is_rejected_until_the_colleagues_newer_reply_has_been_seen(tenants, conversations, north_args):
    seen = call_as(tenants.bob, "messages:list", **north_args)["messages"][-1]["_id"]
    call_as(tenants.alice, "messages:send", **north_args, body="I have it.", seenMessageId=seen)
    reply = {**north_args, "body": "Me too!", "clientMessageId": "late", "seenMessageId": seen}
    assert error_code_of(tenants.bob, "messages:send", **reply) == "CONFLICT"
    assert not Message.objects.filter(body="Me too!").exists()
    newest = call_as(tenants.bob, "messages:list", **north_args)["messages"][-1]
    assert newest["body"] == "I have it."
    call_as(tenants.bob, "messages:send", **{**reply, "seenMessageId": newest["_id"]})
    assert Message.objects.filter(body="Me too!").count() == 1


def test_newer_messages_of_the_visitor_or_oneself_do_not_block_a_reply(tenants, conversations, north_args):
    seen = call_as(tenants.bob, "messages:list", **north_args)["messages"][-1]["_id"]
    write_as_visitor(conversations.north)
    call_as(tenants.bob, "messages:send", **north_args, body="One", seenMessageId=seen)
    call_as(tenants.bob, "messages:send", **north_args, body="Two", seenMessageId=seen)
    assert error_code_of(tenants.bob, "messages:send", **north_args, body="x", seenMessageId="nonsense") == "NOT_FOUND"


def test_resending_an_accepted_reply_returns_the_stored_result(tenants, conversations, north_args):
    seen = call_as(tenants.bob, "messages:list", **north_args)["messages"][-1]["_id"]
    reply = {**north_args, "body": "First", "clientMessageId": "first", "seenMessageId": seen}
    sent = call_as(tenants.bob, "messages:send", **reply)
    call_as(tenants.alice, "messages:send", **north_args, body="Second")
    assert call_as(tenants.bob, "messages:send", **reply) == sent


def test_canned_replies_and_operators_are_limited_to_the_brand(tenants, conversations):
    create_canned_reply(tenants.acme.pk, shortcut="all", body="Hello {{visitor.name}}")
    create_canned_reply(tenants.acme.pk, shortcut="south", body="South", brand=tenants.south)
    create_canned_reply(tenants.globex.pk, shortcut="west", body="West")
    shortcuts = lambda who, **of: [each["shortcut"] for each in call_as(who, "cannedReplies:list", **of)]  # noqa: E731
    assert shortcuts(tenants.alice) == ["all", "south"]
    assert shortcuts(tenants.bob) == shortcuts(tenants.alice, brandId=str(tenants.north.pk)) == ["all"]
    names = lambda who, **of: [each["name"] for each in call_as(who, "operators:list", **of)]  # noqa: E731
    assert names(tenants.alice, brandId=str(tenants.south.pk)) == ["Alice"]
    assert names(tenants.bob) == ["Alice", "Bob"]
    assert names(tenants.mallory) == ["Mallory"]
    assert [each["brandIds"] for each in call_as(tenants.alice, "operators:list")] == [None, [str(tenants.north.pk)]]
    assert [each["brandId"] for each in call_as(tenants.alice, "cannedReplies:list")] == [None, str(tenants.south.pk)]
    OperatorBrand.objects.create(workspace=tenants.acme, operator=tenants.bob, brand=tenants.south)
    cara = Operator.objects.create(
        workspace=tenants.acme, email="cara@acme.example", name="Cara", sees_all_brands=False
    )
    OperatorBrand.objects.create(workspace=tenants.acme, operator=cara, brand=tenants.south)
    others = {each["name"]: each["brandIds"] for each in call_as(cara, "operators:list")}
    assert others == {
        "Alice": None,
        "Bob": [str(tenants.south.pk)],
        "Cara": [str(tenants.south.pk)],
    }  # brands that Cara does not see are hidden, here Bob's North
    cara.delete()
    Operator.objects.filter(pk=tenants.bob.pk).update(is_active=False)
    assert names(tenants.alice) == ["Alice"]


# --- changes ---


def test_bulk_change_is_atomic(tenants, conversations):
    more = [make_conversation(tenants.north) for _ in range(3)]
    ids = [str(conversation.pk) for conversation in more]
    call_as(tenants.bob, "conversations:change", conversationIds=ids, status="resolved", operatorId=str(tenants.bob.pk))
    assert {
        (conversation.status, conversation.assignee_id) for conversation in Conversation.objects.filter(pk__in=ids)
    } == {("resolved", tenants.bob.pk)}
    mixed = [*ids, str(conversations.south.pk)]
    assert error_code_of(tenants.bob, "conversations:change", conversationIds=mixed, status="open") == "NOT_FOUND"
    assert set(Conversation.objects.filter(pk__in=ids).values_list("status", flat=True)) == {"resolved"}
    for wrong in ({}, {"status": "open", "snoozedUntil": 1}, {"snoozedUntil": 2**42}):
        with pytest.raises(RequestFailed, match=r"snoozedUntil|status"):
            call_as(tenants.bob, "conversations:change", conversationIds=ids, **wrong)


def test_tags_of_several_conversations_are_changed_at_once_or_not_at_all(tenants, conversations, north_args):
    old, new = (str(actions.create_tag(tenants.acme.pk, name=name).pk) for name in ("old", "new"))
    foreign = str(actions.create_tag(tenants.globex.pk, name="foreign").pk)
    ids = [str(conversations.north.pk), str(conversations.south.pk)]
    change = partial(call_as, tenants.alice, "conversations:change", conversationIds=ids)
    change(addTags=[old])
    change(addTags=[new], removeTags=[old])
    names = lambda: set(ConversationTag.objects.values_list("conversation_id", "tag__name"))  # noqa: E731
    expected = {(conversations.north.pk, "new"), (conversations.south.pk, "new")}
    assert names() == expected
    for wrong in ({"addTags": [foreign]}, {"addTags": ["x"]}, {"removeTags": ["x"]}, {"addTags": "new"}, {}):
        with pytest.raises(RequestFailed):
            change(**wrong)
    assert names() == expected
    with pytest.raises(RequestFailed):  # Bob does not see South
        call_as(tenants.bob, "conversations:change", conversationIds=ids, removeTags=[new])
    assert names() == expected


def test_preferences_are_per_operator(tenants):
    call_as(tenants.bob, "operators:prefer", sound=False)
    assert call_as(tenants.bob, "operators:me")["preferences"]["sound"] is False
    assert call_as(tenants.alice, "operators:me")["preferences"] == {
        "sound": True,
        "desktop": False,
        "shortcuts": True,
        "mentionMails": True,
        "enterSends": False,
        "assignOnReply": False,
        "nextAfterResolving": False,
    }
    for wrong in ({"sound": "no"}, {"is_superuser": True}, {}):
        with pytest.raises(RequestFailed):
            call_as(tenants.bob, "operators:prefer", **wrong)


def test_visitor_shows_whether_it_is_blocked(tenants, conversations, north_args):
    call_as(tenants.bob, "conversations:blockVisitor", **north_args, blocked=True)
    assert call_as(tenants.alice, "visitors:get", visitorId=str(conversations.north.visitor_id))["blocked"] is True
    call_as(tenants.bob, "conversations:blockVisitor", **north_args, blocked=False)
    assert call_as(tenants.alice, "visitors:get", visitorId=str(conversations.north.visitor_id))["blocked"] is False


def test_page_token_belongs_to_the_signed_in_operator(client, tenants, conversations):
    assert client.post("/app/inbox/token/").status_code == 302
    client.force_login(tenants.bob)
    token = client.post("/app/inbox/token/").json()["token"]
    assert client.get("/app/inbox/token/").status_code == 405
    assert {row["brandId"] for row in call_with_token(token, "inbox:list")["rows"]} == {str(tenants.north.pk)}
    call_with_token(token, "messages:send", conversationId=str(conversations.north.pk), body="From the inbox")
    assert Message.objects.get(body="From the inbox").channel == "dashboard"
    assert client.get("/app/inbox/unread/").json() == {"unread": 1}
    call_with_token(token, "presence:touch", conversationId=str(conversations.north.pk))
    assert client.get("/app/inbox/unread/").json() == {"unread": 0}


def test_operator_of_one_brand_sees_nothing_of_another_brand(tenants, conversations):
    """Covers list, search, counts, presence and threads. Alice sees both brands."""
    south = {"conversationId": str(conversations.south.pk)}
    for search in ({}, {"q": "Hello"}, {"q": "maya@example"}, {"q": "Maya"}):
        for operator, places in (
            (tenants.alice, {"north", "south"}),
            (tenants.bob, {"north"}),
            (tenants.mallory, {"west"}),
        ):
            found = {row["_id"] for row in call_as(operator, "inbox:list", **search)["rows"]}
            assert found == {str(getattr(conversations, place).pk) for place in places}, (search, operator)
    assert [call_as(each, "inbox:counts")["open"] for each in (tenants.alice, tenants.bob, tenants.mallory)] == [
        2,
        1,
        1,
    ]
    assert [call_as(each, "inbox:counts")["unread"] for each in (tenants.alice, tenants.bob, tenants.mallory)] == [
        2,
        1,
        1,
    ]
    for name in ("presence:list", "presence:visitor", "inbox:thread"):
        assert call_as(tenants.alice, name, **south) is not None
        for operator in (tenants.bob, tenants.mallory):
            with pytest.raises(RequestFailed, match="No such conversation"):
                call_as(operator, name, **south)


def test_a_reply_assigns_an_unassigned_conversation_only_if_the_operator_prefers_it(tenants, conversations, north_args):
    call_as(tenants.bob, "messages:send", **north_args, body="Hello")
    conversations.north.refresh_from_db()
    assert conversations.north.assignee is None
    call_as(tenants.bob, "operators:prefer", assignOnReply=True)
    call_as(tenants.bob, "notes:write", **north_args, body="A note is no reply", mentions=[])
    conversations.north.refresh_from_db()
    assert conversations.north.assignee is None
    call_as(tenants.bob, "messages:send", **north_args, body="Hello again")
    conversations.north.refresh_from_db()
    assert conversations.north.assignee == tenants.bob
    call_as(tenants.alice, "operators:prefer", assignOnReply=True)
    call_as(tenants.alice, "messages:send", **north_args, body="I can help")
    conversations.north.refresh_from_db()
    assert conversations.north.assignee == tenants.bob  # a colleague's conversation stays theirs


def test_mentions_in_a_brand_that_the_operator_has_lost_are_neither_listed_nor_counted(tenants, conversations):
    actions.write_note(conversations.north, author=tenants.alice, body="Look", mentioned=[tenants.bob])
    assert call_as(tenants.bob, "inbox:counts")["mentions"] == 1
    OperatorBrand.objects.filter(operator=tenants.bob).update(brand=tenants.south)
    assert call_as(tenants.bob, "inbox:mentions") == []
    assert call_as(tenants.bob, "inbox:counts")["mentions"] == 0
