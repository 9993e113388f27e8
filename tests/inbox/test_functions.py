"""Live functions of the inbox: threads with notes, unread state, tags, mentions and the protection against double replies."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import Operator
from brands.models import OperatorBrand
from conversations import actions
from conversations.actions.canned_replies import create_canned_reply
from conversations.models import Activity, Channel, Conversation, Mention, Message, Note
from integrations.models import Event
from tests.conftest import make_conversation
from tests.inbox.pictures import PNG
from tests.sync.live_client import ask, ask_with
from tests.sync.sockets import Failed

pytestmark = pytest.mark.django_db


def error_code_of(operator, name, **arguments):
    with pytest.raises(Failed) as refused:
        ask(operator, name, **arguments)
    return refused.value.code


def write_as_visitor(conversation, body="Are you there?"):
    return actions.send_message(conversation, role=Message.Role.VISITOR, body=body, channel=Channel.WIDGET)


@pytest.fixture
def north_args(conversations):
    return {"conversationId": str(conversations.north.pk)}


# --- threads ---


def test_thread_lists_messages_notes_and_activities_in_order(cast, conversations, north_args):
    ask(cast.alice, "notes:write", **north_args, body="Careful with this one")
    ask(cast.alice, "conversations:assign", **north_args, operatorId=str(cast.bob.pk))
    write_as_visitor(conversations.north)
    shown = ask(cast.bob, "inbox:thread", **north_args)
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
    assert shown["entries"][3]["details"] == {"to": {"_id": str(cast.bob.pk), "name": "Bob"}}
    assert (shown["hasMore"], shown["conversation"]["brand"]["name"]) == (False, "North")


def test_long_thread_is_paginated(cast, conversations, north_args):
    for number in range(120):
        ask(cast.alice, "notes:write", **north_args, body=f"Note {number}")
    newest = ask(cast.alice, "inbox:thread", **north_args)
    assert (len(newest["entries"]), newest["hasMore"]) == (100, True)
    older = ask(cast.alice, "inbox:thread", **north_args, before=newest["entries"][0]["position"])
    assert [entry["position"] for entry in older["entries"] + newest["entries"]] == list(range(1, 123))
    assert older["hasMore"] is False


def test_activities_name_the_actor_whether_operator_visitor_or_api_key(cast, conversations, crm, north_args):
    ask(cast.bob, "conversations:setStatus", **north_args, status="resolved")
    write_as_visitor(conversations.north)
    crm.patch(f"/api/v1/conversations/{conversations.north.pk}", {"status": "closed"})
    told = [(each.actor, each.operator_id, each.details["status"]) for each in Activity.objects.order_by("position")]
    assert told[:2] == [("Bob", cast.bob.pk, "resolved"), ("Maya A.", None, "open")]
    assert told[2][1:] == (None, "closed")
    assert "test" in told[2][0]  # the name of the API key


def test_note_is_visible_to_operators_only(cast, conversations, crm, webhooks, north_args):
    before = Event.objects.count()
    ask(cast.alice, "notes:write", **north_args, body="between-us")
    assert Event.objects.count() == before
    conversation = crm.get(f"/api/v1/conversations/{conversations.north.pk}").content
    messages = crm.get(f"/api/v1/conversations/{conversations.north.pk}/messages").content
    for seen in (conversation, messages, json.dumps(ask(cast.alice, "conversations:get", **north_args)).encode()):
        assert b"between-us" not in seen
    assert "between-us" in json.dumps(ask(cast.bob, "inbox:thread", **north_args))


def test_note_sent_twice_with_one_client_id_is_stored_once(cast, north_args):
    first = ask(cast.alice, "notes:write", **north_args, body="MutationId", clientMessageId="one")
    assert ask(cast.alice, "notes:write", **north_args, body="MutationId", clientMessageId="one") == first
    assert Note.objects.count() == 1


# --- two operators ---


def test_reply_is_rejected_until_the_colleagues_newer_reply_has_been_seen(cast, conversations, north_args):
    seen = ask(cast.bob, "messages:list", **north_args)["messages"][-1]["_id"]
    ask(cast.alice, "messages:send", **north_args, body="I have it.", seenMessageId=seen)
    reply = {**north_args, "body": "Me too!", "clientMessageId": "late", "seenMessageId": seen}
    assert error_code_of(cast.bob, "messages:send", **reply) == "CONFLICT"
    assert not Message.objects.filter(body="Me too!").exists()
    newest = ask(cast.bob, "messages:list", **north_args)["messages"][-1]
    assert newest["body"] == "I have it."
    ask(cast.bob, "messages:send", **{**reply, "seenMessageId": newest["_id"]})
    assert Message.objects.filter(body="Me too!").count() == 1


def test_newer_messages_of_the_visitor_or_oneself_do_not_block_a_reply(cast, conversations, north_args):
    seen = ask(cast.bob, "messages:list", **north_args)["messages"][-1]["_id"]
    write_as_visitor(conversations.north)
    ask(cast.bob, "messages:send", **north_args, body="One", seenMessageId=seen)
    ask(cast.bob, "messages:send", **north_args, body="Two", seenMessageId=seen)
    assert error_code_of(cast.bob, "messages:send", **north_args, body="x", seenMessageId="nonsense") == "NOT_FOUND"


def test_resending_an_accepted_reply_returns_the_stored_result(cast, conversations, north_args):
    seen = ask(cast.bob, "messages:list", **north_args)["messages"][-1]["_id"]
    reply = {**north_args, "body": "First", "clientMessageId": "first", "seenMessageId": seen}
    sent = ask(cast.bob, "messages:send", **reply)
    ask(cast.alice, "messages:send", **north_args, body="Second")
    assert ask(cast.bob, "messages:send", **reply) == sent


# --- unread state ---


def unread_of(operator):
    return {row["_id"]: row["unread"] for row in ask(operator, "inbox:list")["rows"]}


def test_unread_state_is_per_operator(cast, conversations, north_args):
    north = str(conversations.north.pk)
    assert unread_of(cast.alice)[north]
    ask(cast.alice, "presence:touch", **north_args)
    assert not unread_of(cast.alice)[north]
    assert unread_of(cast.bob)[north]
    ask(cast.alice, "messages:send", **north_args, body="Yes?")
    assert not unread_of(cast.alice)[north]
    write_as_visitor(conversations.north)
    assert unread_of(cast.alice)[north]


def test_unread_count_includes_only_own_and_unassigned_conversations(cast, conversations, north_args):
    counts = ask(cast.alice, "inbox:counts")
    assert (counts["unread"], counts["newest"]["conversationId"]) == (2, str(conversations.south.pk))
    ask(cast.alice, "conversations:assign", **north_args, operatorId=str(cast.bob.pk))
    assert ask(cast.alice, "inbox:counts")["unread"] == 1
    assert ask(cast.bob, "inbox:counts")["unread"] == 1
    ask(cast.bob, "conversations:setStatus", **north_args, status="resolved")
    assert ask(cast.bob, "inbox:counts")["newest"] is None


def test_list_pagination_has_no_gaps(cast, conversations):
    for _ in range(25):
        make_conversation(cast.north)
    found, after = [], {}
    while True:
        page = ask(cast.bob, "inbox:list", limit=10, **after)
        found += [row["_id"] for row in page["rows"]]
        if not page["next"]:
            break
        after = {"after": page["next"]}
    newest_first = Conversation.objects.filter(brand=cast.north).order_by("-last_activity_at")
    assert found == [str(pk) for pk in newest_first.values_list("pk", flat=True)]
    for wrong in ("nonsense", ask(cast.mallory, "inbox:list", limit=1)["next"] or "x"):
        assert error_code_of(cast.bob, "inbox:list", after=wrong) == "INVALID"


# --- tags, mentions, canned replies ---


def test_conversations_are_tagged_and_found_by_tag(cast, conversations, north_args):
    vip = ask(cast.bob, "tags:create", name="VIP")["tagId"]
    assert ask(cast.alice, "tags:create", name="vip") == {"tagId": vip}
    with pytest.raises(Failed, match="invisible characters"):
        ask(cast.alice, "tags:create", name="\u200b")
    ask(cast.bob, "conversations:changeTags", **north_args, add=[vip])
    (row,) = ask(cast.alice, "inbox:list", tagId=vip)["rows"]
    assert (row["_id"], row["tags"]) == (str(conversations.north.pk), [{"_id": vip, "name": "VIP"}])
    assert ask(cast.mallory, "tags:list") == []
    assert ask(cast.mallory, "inbox:list", tagId=vip)["rows"] == []
    of_west = {"conversationId": str(conversations.west.pk)}
    assert error_code_of(cast.mallory, "conversations:changeTags", **of_west, add=[vip]) == "NOT_FOUND"
    late = ask(cast.bob, "tags:create", name="late")["tagId"]
    ask(cast.alice, "conversations:changeTags", **north_args, add=[late])
    ask(cast.bob, "conversations:changeTags", **north_args, remove=[vip])  # Bob has never seen the tag "late"
    (row,) = ask(cast.alice, "inbox:list", tagId=late)["rows"]
    assert row["tags"] == [{"_id": late, "name": "late"}]
    assert ask(cast.alice, "inbox:list", tagId=vip)["rows"] == []
    told = [each.details for each in Activity.objects.filter(kind="tagged").order_by("position")]
    assert told == [
        {"added": ["VIP"], "removed": []},
        {"added": ["late"], "removed": []},
        {"added": [], "removed": ["VIP"]},
    ]


def test_mention_is_listed_until_the_conversation_is_opened(cast, conversations, north_args):
    of_south = {"conversationId": str(conversations.south.pk)}
    for place in (north_args, of_south):
        ask(cast.alice, "notes:write", **place, body="@Bob look", mentions=[str(cast.bob.pk), str(cast.alice.pk)])
    (mention,) = ask(cast.bob, "inbox:mentions")  # Bob does not see South
    assert (mention["conversationId"], mention["author"]["name"]) == (str(conversations.north.pk), "Alice")
    assert ask(cast.bob, "inbox:counts")["mentions"] == 1
    assert ask(cast.alice, "inbox:mentions") == []
    ask(cast.bob, "presence:touch", **north_args)
    assert ask(cast.bob, "inbox:mentions") == []
    assert Mention.objects.count() == 1
    assert (
        error_code_of(cast.alice, "notes:write", **north_args, body="x", mentions=[str(cast.mallory.pk)]) == "NOT_FOUND"
    )


def test_canned_replies_and_operators_are_limited_to_the_brand(cast, conversations):
    create_canned_reply(cast.acme.pk, shortcut="all", body="Hello {{visitor.name}}")
    create_canned_reply(cast.acme.pk, shortcut="south", body="South", brand=cast.south)
    create_canned_reply(cast.globex.pk, shortcut="west", body="West")
    shortcuts = lambda who, **of: [each["shortcut"] for each in ask(who, "cannedReplies:list", **of)]  # noqa: E731
    assert shortcuts(cast.alice) == ["all", "south"]
    assert shortcuts(cast.bob) == shortcuts(cast.alice, brandId=str(cast.north.pk)) == ["all"]
    names = lambda who, **of: [each["name"] for each in ask(who, "operators:list", **of)]  # noqa: E731
    assert names(cast.alice, brandId=str(cast.south.pk)) == ["Alice"]
    assert names(cast.bob) == ["Alice", "Bob"]
    assert names(cast.mallory) == ["Mallory"]
    assert [each["brandIds"] for each in ask(cast.alice, "operators:list")] == [None, [str(cast.north.pk)]]
    assert [each["brandId"] for each in ask(cast.alice, "cannedReplies:list")] == [None, str(cast.south.pk)]
    OperatorBrand.objects.create(workspace=cast.acme, operator=cast.bob, brand=cast.south)
    cara = Operator.objects.create(workspace=cast.acme, email="cara@acme.example", name="Cara", sees_all_brands=False)
    OperatorBrand.objects.create(workspace=cast.acme, operator=cara, brand=cast.south)
    others = {each["name"]: each["brandIds"] for each in ask(cara, "operators:list")}
    assert others == {
        "Alice": None,
        "Bob": [str(cast.south.pk)],
        "Cara": [str(cast.south.pk)],
    }  # brands that Cara does not see are hidden, here Bob's North
    cara.delete()
    Operator.objects.filter(pk=cast.bob.pk).update(is_active=False)
    assert names(cast.alice) == ["Alice"]


# --- changes ---


def test_bulk_change_is_atomic(cast, conversations):
    more = [make_conversation(cast.north) for _ in range(3)]
    ids = [str(conversation.pk) for conversation in more]
    ask(cast.bob, "conversations:change", conversationIds=ids, status="resolved", operatorId=str(cast.bob.pk))
    assert {
        (conversation.status, conversation.assignee_id) for conversation in Conversation.objects.filter(pk__in=ids)
    } == {("resolved", cast.bob.pk)}
    mixed = [*ids, str(conversations.south.pk)]
    assert error_code_of(cast.bob, "conversations:change", conversationIds=mixed, status="open") == "NOT_FOUND"
    assert set(Conversation.objects.filter(pk__in=ids).values_list("status", flat=True)) == {"resolved"}
    for wrong in ({}, {"status": "open", "snoozedUntil": 1}, {"snoozedUntil": 2**42}):
        with pytest.raises(Failed, match=r"snoozedUntil|status"):
            ask(cast.bob, "conversations:change", conversationIds=ids, **wrong)


def test_preferences_are_per_operator(cast):
    ask(cast.bob, "operators:prefer", sound=False)
    assert ask(cast.bob, "operators:me")["preferences"]["sound"] is False
    assert ask(cast.alice, "operators:me")["preferences"] == {
        "sound": True,
        "desktop": False,
        "shortcuts": True,
        "mentionMails": True,
    }
    for wrong in ({"sound": "no"}, {"is_superuser": True}, {}):
        with pytest.raises(Failed):
            ask(cast.bob, "operators:prefer", **wrong)


def test_visitor_shows_whether_it_is_blocked(cast, conversations, north_args):
    ask(cast.bob, "conversations:blockVisitor", **north_args, blocked=True)
    assert ask(cast.alice, "visitors:get", visitorId=str(conversations.north.visitor_id))["blocked"] is True
    ask(cast.bob, "conversations:blockVisitor", **north_args, blocked=False)
    assert ask(cast.alice, "visitors:get", visitorId=str(conversations.north.visitor_id))["blocked"] is False


# --- files ---


def send_file(client, conversation, **form):
    data = {
        "conversationId": str(conversation.pk),
        "clientMessageId": "one",
        "file": SimpleUploadedFile("a.png", PNG),
        **form,
    }
    return client.post("/app/inbox/files/", data)


def test_file_sent_by_an_operator_is_visible_to_colleagues(client, cast, conversations):
    client.force_login(cast.bob)
    assert send_file(client, conversations.north).status_code == 201
    assert send_file(client, conversations.north).status_code == 201  # sent again with the same id
    message = Message.objects.get(role="operator", body="a.png")
    assert (message.author, message.channel) == (cast.bob, "dashboard")
    path = f"/app/inbox/files/{message.attachments[0]['_id']}/"
    client.force_login(cast.alice)
    answer = client.get(path)
    assert b"".join(answer.streaming_content) == PNG
    assert answer["X-Content-Type-Options"] == "nosniff"
    client.force_login(cast.mallory)
    assert client.get(path).status_code == 404


def test_only_the_file_response_is_cached_and_only_privately(client, cast, conversations):
    client.force_login(cast.bob)
    send_file(client, conversations.north)
    path = f"/app/inbox/files/{Message.objects.get(body='a.png').attachments[0]['_id']}/"
    answer = client.get(path)
    assert answer["Cache-Control"] == "private, max-age=3600"
    assert "Cookie" in answer["Vary"]
    client.force_login(cast.mallory)
    missing = client.get(path)
    client.logout()
    signed_out = client.get(path)
    assert (missing.status_code, signed_out.status_code) == (404, 302)
    for each in (missing, signed_out):
        assert "max-age=3600" not in each.get("Cache-Control", "")


@pytest.mark.parametrize(
    "form",
    [
        {"file": ""},
        {"file": SimpleUploadedFile("a.exe", b"MZ")},
        {"clientMessageId": ""},
        {"clientMessageId": "x" * 65},
        {"body": "x" * 10_001},
        {"body": "a\0b"},
    ],
)
def test_rejected_file_upload_returns_an_error_message(client, cast, conversations, form):
    client.force_login(cast.alice)
    answer = send_file(client, conversations.north, **form)
    assert (answer.status_code, bool(answer.json()["error"])) == (422, True)


def test_files_can_be_sent_only_to_visible_conversations(client, cast, conversations):
    client.force_login(cast.bob)
    for conversation in (conversations.south, conversations.west):
        assert send_file(client, conversation).status_code == 404
    assert send_file(client, conversations.north, conversationId="nonsense").status_code == 404


def test_page_token_belongs_to_the_signed_in_operator(client, cast, conversations):
    assert client.post("/app/inbox/token/").status_code == 302
    client.force_login(cast.bob)
    token = client.post("/app/inbox/token/").json()["token"]
    assert client.get("/app/inbox/token/").status_code == 405
    assert {row["brandId"] for row in ask_with(token, "inbox:list")["rows"]} == {str(cast.north.pk)}
    ask_with(token, "messages:send", conversationId=str(conversations.north.pk), body="From the inbox")
    assert Message.objects.get(body="From the inbox").channel == "dashboard"
    assert client.get("/app/inbox/unread/").json() == {"unread": 1}
    ask_with(token, "presence:touch", conversationId=str(conversations.north.pk))
    assert client.get("/app/inbox/unread/").json() == {"unread": 0}


def test_operator_of_one_brand_sees_nothing_of_another_brand(cast, conversations):
    """Covers list, search, counts, presence and threads. Alice sees both brands."""
    south = {"conversationId": str(conversations.south.pk)}
    for search in ({}, {"q": "Hello"}, {"q": "maya@example"}, {"q": "Maya"}):
        for operator, places in ((cast.alice, {"north", "south"}), (cast.bob, {"north"}), (cast.mallory, {"west"})):
            found = {row["_id"] for row in ask(operator, "inbox:list", **search)["rows"]}
            assert found == {str(getattr(conversations, place).pk) for place in places}, (search, operator)
    assert [ask(each, "inbox:counts")["open"] for each in (cast.alice, cast.bob, cast.mallory)] == [2, 1, 1]
    assert [ask(each, "inbox:counts")["unread"] for each in (cast.alice, cast.bob, cast.mallory)] == [2, 1, 1]
    for name in ("presence:list", "presence:visitor", "inbox:thread"):
        assert ask(cast.alice, name, **south) is not None
        for operator in (cast.bob, cast.mallory):
            with pytest.raises(Failed, match="No such conversation"):
                ask(operator, name, **south)
