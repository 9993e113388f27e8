"""What the inbox asks and does over the live protocol: threads with notes, unread, tags, mentions, and the double-reply guard."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import Operator
from brands.models import OperatorBrand
from conversations import actions
from conversations.actions.canned_replies import create_canned_reply
from conversations.models import Activity, Channel, Conversation, Mention, Message, Note
from integrations.models import Event
from tests.conftest import make_talk
from tests.inbox.pictures import PNG
from tests.sync.live_client import ask, ask_with
from tests.sync.sockets import Failed

pytestmark = pytest.mark.django_db


def code_of(operator, name, **arguments):
    with pytest.raises(Failed) as refused:
        ask(operator, name, **arguments)
    return refused.value.code


def write(talk, body="Are you there?"):
    return actions.send_message(talk, role=Message.Role.VISITOR, body=body, channel=Channel.WIDGET)


@pytest.fixture
def of_north(talks):
    return {"conversationId": str(talks.north.pk)}


# --- threads ---


def test_a_thread_holds_messages_notes_and_activities_in_their_order(cast, talks, of_north):
    ask(cast.alice, "notes:write", **of_north, body="Careful with this one")
    ask(cast.alice, "conversations:assign", **of_north, operatorId=str(cast.bob.pk))
    write(talks.north)
    shown = ask(cast.bob, "inbox:thread", **of_north)
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


def test_a_long_thread_comes_page_by_page(cast, talks, of_north):
    for number in range(120):
        ask(cast.alice, "notes:write", **of_north, body=f"Note {number}")
    newest = ask(cast.alice, "inbox:thread", **of_north)
    assert (len(newest["entries"]), newest["hasMore"]) == (100, True)
    older = ask(cast.alice, "inbox:thread", **of_north, before=newest["entries"][0]["position"])
    assert [entry["position"] for entry in older["entries"] + newest["entries"]] == list(range(1, 123))
    assert older["hasMore"] is False


def test_who_did_what_is_told_whoever_did_it(cast, talks, crm, of_north):
    ask(cast.bob, "conversations:setStatus", **of_north, status="resolved")
    write(talks.north)
    crm.patch(f"/api/v1/conversations/{talks.north.pk}", {"status": "closed"})
    told = [(each.actor, each.operator_id, each.details["status"]) for each in Activity.objects.order_by("position")]
    assert told[:2] == [("Bob", cast.bob.pk, "resolved"), ("Maya A.", None, "open")]
    assert told[2][1:] == (None, "closed")
    assert "test" in told[2][0]  # the key's name


def test_a_note_reaches_operators_only(cast, talks, crm, hooks, of_north):
    before = Event.objects.count()
    ask(cast.alice, "notes:write", **of_north, body="between-us")
    assert Event.objects.count() == before
    conversation = crm.get(f"/api/v1/conversations/{talks.north.pk}").content
    messages = crm.get(f"/api/v1/conversations/{talks.north.pk}/messages").content
    for seen in (conversation, messages, json.dumps(ask(cast.alice, "conversations:get", **of_north)).encode()):
        assert b"between-us" not in seen
    assert "between-us" in json.dumps(ask(cast.bob, "inbox:thread", **of_north))


def test_a_note_that_is_sent_twice_is_written_once(cast, of_north):
    first = ask(cast.alice, "notes:write", **of_north, body="MutationId", clientMessageId="one")
    assert ask(cast.alice, "notes:write", **of_north, body="MutationId", clientMessageId="one") == first
    assert Note.objects.count() == 1


# --- two operators ---


def test_who_answers_late_is_shown_the_colleagues_answer_first(cast, talks, of_north):
    seen = ask(cast.bob, "messages:list", **of_north)["messages"][-1]["_id"]
    ask(cast.alice, "messages:send", **of_north, body="I have it.", seenMessageId=seen)
    reply = {**of_north, "body": "Me too!", "clientMessageId": "late", "seenMessageId": seen}
    assert code_of(cast.bob, "messages:send", **reply) == "CONFLICT"
    assert not Message.objects.filter(body="Me too!").exists()
    newest = ask(cast.bob, "messages:list", **of_north)["messages"][-1]
    assert newest["body"] == "I have it."
    ask(cast.bob, "messages:send", **{**reply, "seenMessageId": newest["_id"]})
    assert Message.objects.filter(body="Me too!").count() == 1


def test_neither_the_visitor_nor_oneself_is_a_colleague(cast, talks, of_north):
    seen = ask(cast.bob, "messages:list", **of_north)["messages"][-1]["_id"]
    write(talks.north)
    ask(cast.bob, "messages:send", **of_north, body="One", seenMessageId=seen)
    ask(cast.bob, "messages:send", **of_north, body="Two", seenMessageId=seen)
    assert code_of(cast.bob, "messages:send", **of_north, body="x", seenMessageId="nonsense") == "NOT_FOUND"


def test_a_reply_that_was_sent_is_not_refused_when_it_comes_again(cast, talks, of_north):
    seen = ask(cast.bob, "messages:list", **of_north)["messages"][-1]["_id"]
    reply = {**of_north, "body": "First", "clientMessageId": "first", "seenMessageId": seen}
    sent = ask(cast.bob, "messages:send", **reply)
    ask(cast.alice, "messages:send", **of_north, body="Second")
    assert ask(cast.bob, "messages:send", **reply) == sent


# --- what waits for whom ---


def unread_of(operator):
    return {row["_id"]: row["unread"] for row in ask(operator, "inbox:list")["rows"]}


def test_unread_is_each_operators_own(cast, talks, of_north):
    north = str(talks.north.pk)
    assert unread_of(cast.alice)[north]
    ask(cast.alice, "presence:touch", **of_north)
    assert not unread_of(cast.alice)[north]
    assert unread_of(cast.bob)[north]
    ask(cast.alice, "messages:send", **of_north, body="Yes?")
    assert not unread_of(cast.alice)[north]
    write(talks.north)
    assert unread_of(cast.alice)[north]


def test_what_is_counted_as_unread_waits_for_oneself_or_for_nobody(cast, talks, of_north):
    counts = ask(cast.alice, "inbox:counts")
    assert (counts["unread"], counts["newest"]["conversationId"]) == (2, str(talks.south.pk))
    ask(cast.alice, "conversations:assign", **of_north, operatorId=str(cast.bob.pk))
    assert ask(cast.alice, "inbox:counts")["unread"] == 1
    assert ask(cast.bob, "inbox:counts")["unread"] == 1
    ask(cast.bob, "conversations:setStatus", **of_north, status="resolved")
    assert ask(cast.bob, "inbox:counts")["newest"] is None


def test_the_list_comes_page_by_page_without_gap(cast, talks):
    for _ in range(25):
        make_talk(cast.north)
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
        assert code_of(cast.bob, "inbox:list", after=wrong) == "INVALID"


# --- tags, mentions, canned replies ---


def test_conversations_are_tagged_and_found_by_tag(cast, talks, of_north):
    vip = ask(cast.bob, "tags:create", name="VIP")["tagId"]
    assert ask(cast.alice, "tags:create", name="vip") == {"tagId": vip}
    with pytest.raises(Failed, match="cannot be seen"):
        ask(cast.alice, "tags:create", name="\u200b")
    ask(cast.bob, "conversations:changeTags", **of_north, add=[vip])
    (row,) = ask(cast.alice, "inbox:list", tagId=vip)["rows"]
    assert (row["_id"], row["tags"]) == (str(talks.north.pk), [{"_id": vip, "name": "VIP"}])
    assert ask(cast.mallory, "tags:list") == []
    assert ask(cast.mallory, "inbox:list", tagId=vip)["rows"] == []
    of_west = {"conversationId": str(talks.west.pk)}
    assert code_of(cast.mallory, "conversations:changeTags", **of_west, add=[vip]) == "NOT_FOUND"
    late = ask(cast.bob, "tags:create", name="late")["tagId"]
    ask(cast.alice, "conversations:changeTags", **of_north, add=[late])
    ask(cast.bob, "conversations:changeTags", **of_north, remove=[vip])  # who never saw that it is late, too
    (row,) = ask(cast.alice, "inbox:list", tagId=late)["rows"]
    assert row["tags"] == [{"_id": late, "name": "late"}]
    assert ask(cast.alice, "inbox:list", tagId=vip)["rows"] == []
    told = [each.details for each in Activity.objects.filter(kind="tagged").order_by("position")]
    assert told == [
        {"added": ["VIP"], "removed": []},
        {"added": ["late"], "removed": []},
        {"added": [], "removed": ["VIP"]},
    ]


def test_a_mention_waits_until_it_is_looked_at(cast, talks, of_north):
    of_south = {"conversationId": str(talks.south.pk)}
    for place in (of_north, of_south):
        ask(cast.alice, "notes:write", **place, body="@Bob look", mentions=[str(cast.bob.pk), str(cast.alice.pk)])
    (mention,) = ask(cast.bob, "inbox:mentions")  # South is not for Bob
    assert (mention["conversationId"], mention["author"]["name"]) == (str(talks.north.pk), "Alice")
    assert ask(cast.bob, "inbox:counts")["mentions"] == 1
    assert ask(cast.alice, "inbox:mentions") == []
    ask(cast.bob, "presence:touch", **of_north)
    assert ask(cast.bob, "inbox:mentions") == []
    assert Mention.objects.count() == 1
    assert code_of(cast.alice, "notes:write", **of_north, body="x", mentions=[str(cast.mallory.pk)]) == "NOT_FOUND"


def test_canned_replies_and_colleagues_are_those_of_the_brand(cast, talks):
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
    }  # not that Bob sees North
    cara.delete()
    Operator.objects.filter(pk=cast.bob.pk).update(is_active=False)
    assert names(cast.alice) == ["Alice"]


# --- changes ---


def test_many_are_changed_together_or_not_at_all(cast, talks):
    more = [make_talk(cast.north) for _ in range(3)]
    ids = [str(talk.pk) for talk in more]
    ask(cast.bob, "conversations:change", conversationIds=ids, status="resolved", operatorId=str(cast.bob.pk))
    assert {(talk.status, talk.assignee_id) for talk in Conversation.objects.filter(pk__in=ids)} == {
        ("resolved", cast.bob.pk)
    }
    mixed = [*ids, str(talks.south.pk)]
    assert code_of(cast.bob, "conversations:change", conversationIds=mixed, status="open") == "NOT_FOUND"
    assert set(Conversation.objects.filter(pk__in=ids).values_list("status", flat=True)) == {"resolved"}
    for wrong in ({}, {"status": "open", "snoozedUntil": 1}, {"snoozedUntil": 2**42}):
        with pytest.raises(Failed, match=r"snoozedUntil|status"):
            ask(cast.bob, "conversations:change", conversationIds=ids, **wrong)


def test_preferences_are_each_operators_own(cast):
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


def test_a_blocked_visitor_is_told_of(cast, talks, of_north):
    ask(cast.bob, "conversations:blockVisitor", **of_north, blocked=True)
    assert ask(cast.alice, "visitors:get", visitorId=str(talks.north.visitor_id))["blocked"] is True
    ask(cast.bob, "conversations:blockVisitor", **of_north, blocked=False)
    assert ask(cast.alice, "visitors:get", visitorId=str(talks.north.visitor_id))["blocked"] is False


# --- files ---


def send_file(client, talk, **form):
    data = {"conversationId": str(talk.pk), "clientMessageId": "one", "file": SimpleUploadedFile("a.png", PNG), **form}
    return client.post("/app/inbox/files/", data)


def test_an_operator_sends_a_file_and_colleagues_see_it(client, cast, talks):
    client.force_login(cast.bob)
    assert send_file(client, talks.north).status_code == 201
    assert send_file(client, talks.north).status_code == 201  # said twice
    message = Message.objects.get(role="operator", body="a.png")
    assert (message.author, message.channel) == (cast.bob, "dashboard")
    path = f"/app/inbox/files/{message.attachments[0]['_id']}/"
    client.force_login(cast.alice)
    answer = client.get(path)
    assert b"".join(answer.streaming_content) == PNG
    assert answer["X-Content-Type-Options"] == "nosniff"
    client.force_login(cast.mallory)
    assert client.get(path).status_code == 404


def test_only_the_file_itself_is_kept_by_the_browser_and_only_by_its_own(client, cast, talks):
    client.force_login(cast.bob)
    send_file(client, talks.north)
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
def test_a_file_that_is_not_taken_says_why(client, cast, talks, form):
    client.force_login(cast.alice)
    answer = send_file(client, talks.north, **form)
    assert (answer.status_code, bool(answer.json()["error"])) == (422, True)


def test_files_go_to_ones_own_conversations_only(client, cast, talks):
    client.force_login(cast.bob)
    for talk in (talks.south, talks.west):
        assert send_file(client, talk).status_code == 404
    assert send_file(client, talks.north, conversationId="nonsense").status_code == 404


def test_the_token_of_the_page_is_the_operators_own(client, cast, talks):
    assert client.post("/app/inbox/token/").status_code == 302
    client.force_login(cast.bob)
    token = client.post("/app/inbox/token/").json()["token"]
    assert client.get("/app/inbox/token/").status_code == 405
    assert {row["brandId"] for row in ask_with(token, "inbox:list")["rows"]} == {str(cast.north.pk)}
    ask_with(token, "messages:send", conversationId=str(talks.north.pk), body="From the inbox")
    assert Message.objects.get(body="From the inbox").channel == "dashboard"
    assert client.get("/app/inbox/unread/").json() == {"unread": 1}
    ask_with(token, "presence:touch", conversationId=str(talks.north.pk))
    assert client.get("/app/inbox/unread/").json() == {"unread": 0}


def test_who_sees_one_brand_sees_nothing_of_another(cast, talks):
    """In list, search, counts, presence and threads; its twin sees both."""
    south = {"conversationId": str(talks.south.pk)}
    for search in ({}, {"q": "Hello"}, {"q": "maya@example"}, {"q": "Maya"}):
        for operator, places in ((cast.alice, {"north", "south"}), (cast.bob, {"north"}), (cast.mallory, {"west"})):
            found = {row["_id"] for row in ask(operator, "inbox:list", **search)["rows"]}
            assert found == {str(getattr(talks, place).pk) for place in places}, (search, operator)
    assert [ask(each, "inbox:counts")["open"] for each in (cast.alice, cast.bob, cast.mallory)] == [2, 1, 1]
    assert [ask(each, "inbox:counts")["unread"] for each in (cast.alice, cast.bob, cast.mallory)] == [2, 1, 1]
    for name in ("presence:list", "presence:visitor", "inbox:thread"):
        assert ask(cast.alice, name, **south) is not None
        for operator in (cast.bob, cast.mallory):
            with pytest.raises(Failed, match="No such conversation"):
                ask(operator, name, **south)
