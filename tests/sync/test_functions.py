"""Every function returns the JSON of REST, and nothing outside the scope of the operator who calls it."""

import json
import re

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.actions.operator_tokens import issue_token
from conversations.actions import send_message
from conversations.models import Channel, Conversation, Message
from integrations.models import Event
from leads.models import Lead
from praxtalk.core.live.functions import all_functions
from tests.conftest import make_conversation
from tests.recorded_rows import reuse_rows
from tests.sync.live_client import call_as
from tests.sync.sockets import RequestFailed

pytestmark = pytest.mark.django_db

# The arguments of each function about an object of one brand. `{…}` stands for an id of that brand.
BRAND_FUNCTIONS = {
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
    "inbox:markUnread": {"conversationId": "{conversation}"},
    "inbox:list": {"brandId": "{brand}"},
    "inbox:counts": {"brandId": "{brand}"},
    "inbox:thread": {"conversationId": "{conversation}"},
    "visitors:get": {"visitorId": "{visitor}"},
    "visitors:update": {"visitorId": "{visitor}", "name": "Maya Quill"},
    "cannedReplies:list": {"brandId": "{brand}"},
    "operators:list": {"brandId": "{brand}"},
    "notes:write": {"conversationId": "{conversation}", "body": "Between us"},
    "conversations:changeTags": {"conversationId": "{conversation}"},
    "conversations:change": {"conversationIds": ["{conversation}"], "status": "resolved"},
    "conversations:sendTranscript": {"conversationId": "{conversation}", "to": "me"},
    "conversations:blockVisitor": {"conversationId": "{conversation}", "blocked": True},
}
LIST_FUNCTIONS = ("brands:list", "conversations:listInbox", "conversations:counts", "leads:list", "inbox:list")
PERSONAL_FUNCTIONS = {  # in tests/inbox
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


def fill_ids(conversations, tenants, slug, arguments):
    ids = {
        "{brand}": getattr(tenants, slug).pk,
        "{conversation}": getattr(conversations, slug).pk,
        "{lead}": getattr(conversations, f"{slug}_lead").pk,
        "{visitor}": getattr(conversations, slug).visitor_id,
    }
    return json.loads(re.sub(r"\{\w+\}", lambda found: str(ids[found[0]]), json.dumps(arguments)))


VISITOR_FUNCTIONS = ("widget:thread", "widget:look", "widget:rate", "widget:tell")  # in tests/widget


def test_every_function_is_in_the_tables():
    assert set(all_functions()) == {*BRAND_FUNCTIONS, *LIST_FUNCTIONS, *PERSONAL_FUNCTIONS, *VISITOR_FUNCTIONS}


@pytest.mark.parametrize("name", BRAND_FUNCTIONS)
@pytest.mark.parametrize(
    ("who", "slug", "is_allowed"),
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
def test_objects_outside_the_operators_scope_are_not_found(tenants, conversations, name, who, slug, is_allowed):
    operator, arguments = getattr(tenants, who), fill_ids(conversations, tenants, slug, BRAND_FUNCTIONS[name])
    before = (Message.objects.count(), Lead.objects.count(), Event.objects.count())
    if is_allowed:
        call_as(operator, name, **arguments)
    else:
        with pytest.raises(RequestFailed) as refused:
            call_as(operator, name, **arguments)
        assert refused.value.code == "NOT_FOUND"
        assert (Message.objects.count(), Lead.objects.count(), Event.objects.count()) == before


@pytest.mark.parametrize("name", LIST_FUNCTIONS)
def test_lists_contain_only_rows_in_the_operators_scope(tenants, conversations, name):
    text = {who: str(call_as(getattr(tenants, who), name)) for who in ("alice", "bob", "mallory")}
    if name == "conversations:counts":
        assert [call_as(getattr(tenants, who), name)["open"] for who in text] == [2, 1, 1]
        return
    for slug, seen_by in {"north": {"alice", "bob"}, "south": {"alice"}, "west": {"mallory"}}.items():
        things = [getattr(tenants, slug).pk, getattr(conversations, slug).pk, getattr(conversations, f"{slug}_lead").pk]
        assert {who for who in text if any(str(pk) in text[who] for pk in things)} == seen_by


def test_values_equal_those_of_rest(tenants, conversations, api_client):
    def rest(path):
        return api_client.get(f"/api/v1/{path}").json()

    assert call_as(tenants.alice, "conversations:listInbox") == rest("conversations")["conversations"]
    thread = rest(f"conversations/{conversations.north.pk}")["conversation"]
    assert call_as(tenants.alice, "conversations:get", conversationId=str(conversations.north.pk)) == thread | {
        "hasMore": False
    }
    messages = {"messages": thread["messages"], "hasMore": False}
    assert call_as(tenants.alice, "messages:list", conversationId=str(conversations.north.pk)) == messages
    assert call_as(tenants.alice, "leads:list") == rest("leads")["leads"]
    assert call_as(tenants.alice, "brands:list") == rest("brands")["brands"]


def test_the_inbox_can_be_filtered(tenants, conversations):
    def found(**arguments):
        return [row["_id"] for row in call_as(tenants.alice, "conversations:listInbox", **arguments)]

    north, south = str(conversations.north.pk), str(conversations.south.pk)
    call_as(tenants.alice, "conversations:setStatus", conversationId=south, status="snoozed")
    call_as(tenants.alice, "conversations:assign", conversationId=north, operatorId=str(tenants.bob.pk))
    assert found(status="open") == [north]
    assert found(status="snoozed") == [south]
    assert found(assignee=str(tenants.bob.pk)) == [north]
    assert found(assignee="none") == [south]
    assert found(assignee="me") == []
    assert [row["_id"] for row in call_as(tenants.bob, "conversations:listInbox", assignee="me")] == [north]
    assert found(assignee="nonsense") == []
    assert found(limit=1) == [south]
    counts = call_as(tenants.bob, "conversations:counts")
    assert counts == {"open": 1, "snoozed": 0, "resolved": 0, "closed": 0, "mine": 1, "unassigned": 0, "waiting": 0}


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
        ("amina cable", False),  # all words must be in one message, or in the visitor's details
        ("' | !:*", False),
        ("", True),  # an empty search does not filter
        ("%", False),
        ("été", True),
    ],
)
def test_search_finds_visitors_and_messages(tenants, conversations, text, is_found):
    conversation = make_conversation(
        tenants.north, name="Amina Ndiaye", body="My order/1042 came without the cable. Cet été!"
    )
    conversation.visitor.email = "amina@shop.example"
    conversation.visitor.save()
    rows = call_as(tenants.alice, "conversations:listInbox", q=text)
    assert (str(conversation.pk) in [row["_id"] for row in rows]) == is_found
    assert call_as(tenants.mallory, "conversations:listInbox", q="cable") == []


def test_older_messages_are_read_page_by_page(tenants):
    conversation = make_conversation(tenants.north)
    for index in range(205):
        send_message(
            conversation, role=Message.Role.OPERATOR, body=str(index), channel=Channel.DASHBOARD, author=tenants.alice
        )
    seen, before = [], {}
    for expected_more in (True, True, False):
        page = call_as(tenants.alice, "messages:list", conversationId=str(conversation.pk), **before)
        assert page["hasMore"] is expected_more
        seen = [message["body"] for message in page["messages"]] + seen
        before = {"before": page["messages"][0]["_id"]}
    assert seen == ["Hello?", *map(str, range(205))]
    other = make_conversation(tenants.north)
    with pytest.raises(RequestFailed) as refused:
        call_as(tenants.alice, "messages:list", conversationId=str(other.pk), **before)
    assert refused.value.code == "NOT_FOUND"


def test_a_client_message_id_creates_one_message(tenants, conversations):
    arguments = {"conversationId": str(conversations.north.pk), "body": "Hi", "clientMessageId": "abc"}
    first, second = (call_as(tenants.alice, "messages:send", **arguments) for _ in range(2))
    assert first == second
    assert Message.objects.filter(body="Hi").count() == 1
    other = call_as(tenants.alice, "messages:send", **{**arguments, "conversationId": str(conversations.south.pk)})
    assert other != first


def test_only_operators_who_see_the_brand_can_be_assigned(tenants, conversations):
    for operator in (tenants.bob, tenants.mallory):
        with pytest.raises(RequestFailed) as refused:
            call_as(
                tenants.alice,
                "conversations:assign",
                conversationId=str(conversations.south.pk),
                operatorId=str(operator.pk),
            )
        assert refused.value.code in ("INVALID", "NOT_FOUND")
    call_as(
        tenants.alice,
        "conversations:assign",
        conversationId=str(conversations.south.pk),
        operatorId=str(tenants.alice.pk),
    )
    assert Conversation.objects.get(pk=conversations.south.pk).assignee == tenants.alice
    call_as(tenants.alice, "conversations:assign", conversationId=str(conversations.south.pk), operatorId=None)
    assert Conversation.objects.get(pk=conversations.south.pk).assignee is None


def test_a_limited_operators_lead_needs_a_brand(tenants):
    with pytest.raises(RequestFailed, match="brandId"):
        call_as(tenants.bob, "leads:create", name="Maya")
    assert call_as(tenants.alice, "leads:create", name="Maya")


def test_presence_and_typing_expire(tenants, conversations, time_machine):
    here = {"conversationId": str(conversations.north.pk)}
    time_machine.move_to("2026-05-01 12:00:00Z", tick=False)
    call_as(tenants.bob, "presence:touch", **here, typing=True)
    call_as(tenants.alice, "presence:touch", **here)
    bob, alice = ({"operatorId": str(operator.pk), "name": operator.name} for operator in (tenants.bob, tenants.alice))
    shown = [alice | {"typing": False}, bob | {"typing": True}]
    assert call_as(tenants.alice, "presence:list", **here) == shown
    time_machine.shift(11)
    assert call_as(tenants.alice, "presence:list", **here) == [alice | {"typing": False}, bob | {"typing": False}]
    time_machine.shift(10)
    call_as(tenants.alice, "presence:touch", **here)
    time_machine.shift(10)
    assert call_as(tenants.alice, "presence:list", **here) == [alice | {"typing": False}]


@pytest.mark.parametrize(
    "name", [name for name, each in all_functions().items() if each.topics and name not in VISITOR_FUNCTIONS]
)
def test_20_rows_need_as_many_queries_as_2(tenants, conversations, name):
    counts = []
    arguments = fill_ids(conversations, tenants, "north", BRAND_FUNCTIONS.get(name, {}))
    for add_rows in (add_2_rows, add_20_rows):
        with transaction.atomic():
            reuse_rows(add_rows, tenants, conversations)
            with CaptureQueriesContext(connection) as queries:
                call_as(tenants.alice, name, **arguments)
            transaction.set_rollback(True)
        counts.append(len([each for each in queries if each["sql"].startswith("SELECT")]))
    assert counts[0] == counts[1]
    more = {"presence:visitor": 4, "operators:list": 4, "inbox:list": 4, "inbox:assignments": 4}
    more |= {"inbox:counts": 7, "inbox:thread": 6}
    assert counts[0] <= more.get(name, 3)  # including the query for the token


def add_2_rows(tenants, conversations, count=2):
    for _ in range(count):
        make_conversation(tenants.north)
        call_as(tenants.alice, "leads:create", name="Lead", brandId=str(tenants.north.pk))
        call_as(tenants.alice, "messages:send", conversationId=str(conversations.north.pk), body="Hi")


def add_20_rows(tenants, conversations):
    add_2_rows(tenants, conversations, count=20)


def test_expired_revoked_malformed_and_deactivated_tokens_are_refused(tenants, conversations, api_client, time_machine):
    time_machine.move_to("2026-05-01 12:00:00Z", tick=False)
    opened = api_client.post("/api/v1/operator-sessions", {"email": "Alice@acme.example", "expiresIn": 60}).json()
    from accounts.operator_tokens import operators
    from praxtalk.core.live import executor
    from praxtalk.core.live.results import FunctionError

    def is_valid(token):
        try:
            return executor.identify(operators, token).operator_id == tenants.alice.pk
        except FunctionError:
            return False

    assert is_valid(opened["token"])
    time_machine.shift(60)
    assert not is_valid(opened["token"])
    token, session = issue_token(tenants.alice)
    assert is_valid(token)
    for wrong in (token[:-2], token + "a", "a.b.c", "", token.replace(".", "..", 1), api_client.secret):
        assert not is_valid(wrong)
    assert api_client.delete(f"/api/v1/operator-sessions/{session.pk}").status_code == 200
    assert not is_valid(token)
    token = issue_token(tenants.alice)[0]
    tenants.alice.is_active = False
    tenants.alice.save()
    assert not is_valid(token)
