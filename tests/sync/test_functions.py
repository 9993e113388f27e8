"""Each function: the JSON of REST, and nothing that its asker may not see."""

import json
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.operator_tokens import issue_token
from conversations.models import Conversation, Message
from integrations.models import Event
from leads.models import Lead
from praxtalk.core.live.functions import every_function
from tests.conftest import make_talk
from tests.sync.live_client import ask
from tests.sync.sockets import Failed

pytestmark = pytest.mark.django_db

# What each function is asked about one brand's things. {…} stands for an id of theirs.
ABOUT_A_BRAND = {
    "conversations:listInbox": {"brandId": "{brand}"},
    "conversations:get": {"conversationId": "{conversation}"},
    "conversations:counts": {"brandId": "{brand}"},
    "messages:list": {"conversationId": "{conversation}"},
    "presence:list": {"conversationId": "{conversation}"},
    "presence:visitor": {"conversationId": "{conversation}"},
    "leads:list": {"brandId": "{brand}"},
    "messages:send": {"conversationId": "{conversation}", "body": "Hi", "clientMessageId": "one"},
    "conversations:setStatus": {"conversationId": "{conversation}", "status": "resolved"},
    "conversations:assign": {"conversationId": "{conversation}", "operatorId": None},
    "leads:create": {"name": "Maya", "brandId": "{brand}"},
    "leads:update": {"leadId": "{lead}", "status": "won"},
    "presence:touch": {"conversationId": "{conversation}", "typing": True},
    "inbox:list": {"brandId": "{brand}"},
    "inbox:counts": {"brandId": "{brand}"},
    "inbox:thread": {"conversationId": "{conversation}"},
    "visitors:get": {"visitorId": "{visitor}"},
    "cannedReplies:list": {"brandId": "{brand}"},
    "operators:list": {"brandId": "{brand}"},
    "notes:write": {"conversationId": "{conversation}", "body": "Between us"},
    "conversations:changeTags": {"conversationId": "{conversation}"},
    "conversations:change": {"conversationIds": ["{conversation}"], "status": "resolved"},
    "conversations:sendTranscript": {"conversationId": "{conversation}", "to": "me"},
    "conversations:blockVisitor": {"conversationId": "{conversation}", "blocked": True},
}
OF_ALL_IN_SCOPE = ("brands:list", "conversations:listInbox", "conversations:counts", "leads:list", "inbox:list")
OF_ONESELF = {  # in tests/inbox
    *(
        "inbox:counts",
        "inbox:mentions",
        "inbox:assignments",
        "inbox:seeAssignments",
        "operators:me",
        "operators:prefer",
        "server:state",
    ),
    *("operators:list", "tags:list", "tags:create", "cannedReplies:list"),
}


def of(talks, cast, slug, arguments):
    ids = {
        "{brand}": getattr(cast, slug).pk,
        "{conversation}": getattr(talks, slug).pk,
        "{lead}": getattr(talks, f"{slug}_lead").pk,
        "{visitor}": getattr(talks, slug).visitor_id,
    }
    return json.loads(re.sub(r"\{\w+\}", lambda found: str(ids[found[0]]), json.dumps(arguments)))


OF_VISITORS = ("widget:thread", "widget:look", "widget:rate", "widget:tell")  # in tests/widget


def test_the_table_holds_every_function():
    assert set(every_function()) == {*ABOUT_A_BRAND, *OF_ALL_IN_SCOPE, *OF_ONESELF, *OF_VISITORS}


@pytest.mark.parametrize("name", ABOUT_A_BRAND)
@pytest.mark.parametrize(
    ("who", "slug", "may"),
    [
        ("alice", "north", True),
        ("alice", "south", True),
        ("bob", "north", True),
        ("bob", "south", False),
        ("mallory", "west", True),
        ("mallory", "north", False),
        ("alice", "west", False),
    ],
)
def test_only_what_is_in_scope(cast, talks, name, who, slug, may):
    operator, arguments = getattr(cast, who), of(talks, cast, slug, ABOUT_A_BRAND[name])
    before = (Message.objects.count(), Lead.objects.count(), Event.objects.count())
    if may:
        ask(operator, name, **arguments)
    else:
        with pytest.raises(Failed) as refused:
            ask(operator, name, **arguments)
        assert refused.value.code == "NOT_FOUND"
        assert (Message.objects.count(), Lead.objects.count(), Event.objects.count()) == before


@pytest.mark.parametrize("name", OF_ALL_IN_SCOPE)
def test_lists_hold_what_is_in_scope_only(cast, talks, name):
    text = {who: str(ask(getattr(cast, who), name)) for who in ("alice", "bob", "mallory")}
    if name == "conversations:counts":
        assert [ask(getattr(cast, who), name)["open"] for who in text] == [2, 1, 1]
        return
    for slug, seen_by in {"north": {"alice", "bob"}, "south": {"alice"}, "west": {"mallory"}}.items():
        things = [getattr(cast, slug).pk, getattr(talks, slug).pk, getattr(talks, f"{slug}_lead").pk]
        assert {who for who in text if any(str(pk) in text[who] for pk in things)} == seen_by


def test_the_values_are_those_of_rest(cast, talks, crm):
    def rest(path):
        return crm.get(f"/api/v1/{path}").json()

    assert ask(cast.alice, "conversations:listInbox") == rest("conversations")["conversations"]
    thread = rest(f"conversations/{talks.north.pk}")["conversation"]
    assert ask(cast.alice, "conversations:get", conversationId=str(talks.north.pk)) == thread | {"hasMore": False}
    messages = {"messages": thread["messages"], "hasMore": False}
    assert ask(cast.alice, "messages:list", conversationId=str(talks.north.pk)) == messages
    assert ask(cast.alice, "leads:list") == rest("leads")["leads"]
    assert ask(cast.alice, "brands:list") == rest("brands")["brands"]


def test_filters_of_the_inbox(cast, talks):
    def found(**arguments):
        return [row["_id"] for row in ask(cast.alice, "conversations:listInbox", **arguments)]

    north, south = str(talks.north.pk), str(talks.south.pk)
    ask(cast.alice, "conversations:setStatus", conversationId=south, status="snoozed")
    ask(cast.alice, "conversations:assign", conversationId=north, operatorId=str(cast.bob.pk))
    assert found(status="open") == [north]
    assert found(status="snoozed") == [south]
    assert found(assignee=str(cast.bob.pk)) == [north]
    assert found(assignee="none") == [south]
    assert found(assignee="me") == []
    assert [row["_id"] for row in ask(cast.bob, "conversations:listInbox", assignee="me")] == [north]
    assert found(assignee="nonsense") == []
    assert found(limit=1) == [south]
    counts = ask(cast.bob, "conversations:counts")
    assert counts == {"open": 1, "snoozed": 0, "resolved": 0, "closed": 0, "mine": 1, "unassigned": 0}


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("amina", True),
        ("AMI", True),
        ("amina@shop.example", True),
        ("shop", True),
        ("order 1042", True),
        ("1042 cable", True),
        ("cable nothing", False),
        ("amina cable", False),  # the words of one message, or of the visitor
        ("' | !:*", False),
        ("", True),  # nothing is searched for
        ("%", False),
        ("été", True),
    ],
)
def test_search_over_people_and_messages(cast, talks, text, is_found):
    conversation = make_talk(cast.north, name="Amina Ndiaye", body="My order/1042 came without the cable. Cet été!")
    conversation.visitor.email = "amina@shop.example"
    conversation.visitor.save()
    rows = ask(cast.alice, "conversations:listInbox", q=text)
    assert (str(conversation.pk) in [row["_id"] for row in rows]) == is_found
    assert ask(cast.mallory, "conversations:listInbox", q="cable") == []


def test_older_messages_page_by_page(cast):
    conversation = make_talk(cast.north)
    for index in range(205):
        ask(cast.alice, "messages:send", conversationId=str(conversation.pk), body=str(index))
    seen, before = [], {}
    for expected_more in (True, True, False):
        page = ask(cast.alice, "messages:list", conversationId=str(conversation.pk), **before)
        assert page["hasMore"] is expected_more
        seen = [message["body"] for message in page["messages"]] + seen
        before = {"before": page["messages"][0]["_id"]}
    assert seen == ["Hello?", *map(str, range(205))]
    other = make_talk(cast.north)
    with pytest.raises(Failed) as refused:
        ask(cast.alice, "messages:list", conversationId=str(other.pk), **before)
    assert refused.value.code == "NOT_FOUND"


def test_the_senders_own_name_for_a_message_is_used_once(cast, talks):
    arguments = {"conversationId": str(talks.north.pk), "body": "Hi", "clientMessageId": "abc"}
    first, second = (ask(cast.alice, "messages:send", **arguments) for _ in range(2))
    assert first == second
    assert Message.objects.filter(body="Hi").count() == 1
    other = ask(cast.alice, "messages:send", **{**arguments, "conversationId": str(talks.south.pk)})
    assert other != first


def test_only_somebody_who_sees_the_brand_is_assigned(cast, talks):
    for operator in (cast.bob, cast.mallory):
        with pytest.raises(Failed) as refused:
            ask(cast.alice, "conversations:assign", conversationId=str(talks.south.pk), operatorId=str(operator.pk))
        assert refused.value.code in ("INVALID", "NOT_FOUND")
    ask(cast.alice, "conversations:assign", conversationId=str(talks.south.pk), operatorId=str(cast.alice.pk))
    assert Conversation.objects.get(pk=talks.south.pk).assignee == cast.alice
    ask(cast.alice, "conversations:assign", conversationId=str(talks.south.pk), operatorId=None)
    assert Conversation.objects.get(pk=talks.south.pk).assignee is None


def test_a_limited_operators_lead_needs_a_brand(cast):
    with pytest.raises(Failed, match="brandId"):
        ask(cast.bob, "leads:create", name="Maya")
    assert ask(cast.alice, "leads:create", name="Maya")


def test_who_is_present_and_types_until_they_fade(cast, talks, time_machine):
    here = {"conversationId": str(talks.north.pk)}
    time_machine.move_to("2026-05-01 12:00:00Z", tick=False)
    ask(cast.bob, "presence:touch", **here, typing=True)
    ask(cast.alice, "presence:touch", **here)
    bob, alice = ({"operatorId": str(operator.pk), "name": operator.name} for operator in (cast.bob, cast.alice))
    shown = [alice | {"typing": False}, bob | {"typing": True}]
    assert ask(cast.alice, "presence:list", **here) == shown
    time_machine.shift(11)
    assert ask(cast.alice, "presence:list", **here) == [alice | {"typing": False}, bob | {"typing": False}]
    time_machine.shift(10)
    ask(cast.alice, "presence:touch", **here)
    time_machine.shift(10)
    assert ask(cast.alice, "presence:list", **here) == [alice | {"typing": False}]


@pytest.mark.parametrize(
    "name", [name for name, each in every_function().items() if each.topics and name not in OF_VISITORS]
)
def test_as_many_queries_for_20_rows_as_for_2(cast, talks, name):
    counts = []
    for rows in (2, 18):
        for _ in range(rows):
            make_talk(cast.north)
            ask(cast.alice, "leads:create", name="Lead", brandId=str(cast.north.pk))
            ask(cast.alice, "messages:send", conversationId=str(talks.north.pk), body="Hi")
        with CaptureQueriesContext(connection) as queries:
            ask(cast.alice, name, **of(talks, cast, "north", ABOUT_A_BRAND.get(name, {})))
        counts.append(len([each for each in queries if each["sql"].startswith("SELECT")]))
    assert counts[0] == counts[1]
    more = {"presence:visitor": 4, "operators:list": 4, "inbox:list": 4, "inbox:counts": 7, "inbox:thread": 6}
    assert counts[0] <= more.get(name, 3)  # with the token's


def test_a_token_is_refused_once_it_is_anything_but_good(cast, talks, crm, time_machine):
    time_machine.move_to("2026-05-01 12:00:00Z", tick=False)
    opened = crm.post("/api/v1/operator-sessions", {"email": "Alice@acme.example", "expiresIn": 60}).json()
    from accounts.operator_tokens import operators
    from praxtalk.core.live import executor
    from praxtalk.core.live.results import FunctionError

    def is_good(token):
        try:
            return executor.identify(operators, token).operator_id == cast.alice.pk
        except FunctionError:
            return False

    assert is_good(opened["token"])
    time_machine.shift(60)
    assert not is_good(opened["token"])
    token, session = issue_token(cast.alice)
    assert is_good(token)
    for wrong in (token[:-2], token + "a", "a.b.c", "", token.replace(".", "..", 1), crm.secret):
        assert not is_good(wrong)
    assert crm.delete(f"/api/v1/operator-sessions/{session.pk}").status_code == 200
    assert not is_good(token)
    token = issue_token(cast.alice)[0]
    cast.alice.is_active = False
    cast.alice.save()
    assert not is_good(token)
