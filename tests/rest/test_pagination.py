"""Cursors list every row once, even while rows are written, and are valid for their own list and workspace only."""

import pytest

from conversations.actions import send_message
from conversations.models import Channel, Conversation, Message
from leads.actions import create_lead
from tests.conftest import make_conversation


def read_all_pages(client, path, name, limit=2):
    rows, cursor = [], ""
    while True:
        response = client.get(f"{path}{'&' if '?' in path else '?'}limit={limit}{cursor}").json()
        assert len(response[name]) <= limit
        rows += response[name]
        if "nextCursor" not in response:
            return rows
        cursor = f"&cursor={response['nextCursor']}"


def test_conversations_are_paged_newest_activity_first(tenants, api_client):
    created = [make_conversation(tenants.north) for _ in range(5)]
    send_message(created[1], role=Message.Role.VISITOR, body="again", channel=Channel.WIDGET)
    expected = [created[index] for index in (1, 4, 3, 2, 0)]
    rows = read_all_pages(api_client, "/api/v1/conversations", "conversations")
    assert [row["_id"] for row in rows] == [str(conversation.pk) for conversation in expected]


def test_rows_with_equal_times_are_listed_once_each(tenants, api_client):
    for _ in range(7):
        make_conversation(tenants.north)
    Conversation.objects.update(last_activity_at=Conversation.objects.first().last_activity_at)
    rows = read_all_pages(api_client, "/api/v1/conversations?status=open", "conversations", limit=3)
    assert len({row["_id"] for row in rows}) == len(rows) == 7


def test_rows_that_move_up_between_pages_do_not_hide_others(tenants, api_client):
    created = [make_conversation(tenants.north) for _ in range(4)]
    first = api_client.get("/api/v1/conversations?limit=2").json()
    send_message(created[0], role=Message.Role.VISITOR, body="up", channel=Channel.WIDGET)
    second = api_client.get(f"/api/v1/conversations?limit=2&cursor={first['nextCursor']}").json()
    assert [row["_id"] for row in second["conversations"]] == [str(created[1].pk)]


def test_leads_are_paged_newest_first(tenants, api_client):
    created = [create_lead(tenants.acme.pk, name=f"Lead {number}") for number in range(5)]
    rows = read_all_pages(api_client, "/api/v1/leads", "leads")
    assert [row["_id"] for row in rows] == [str(lead.pk) for lead in reversed(created)]


def test_messages_are_paged_oldest_first_and_backwards(tenants, api_client):
    conversation = make_conversation(tenants.north, body="0")
    for number in range(1, 250):
        send_message(conversation, role=Message.Role.OPERATOR, body=str(number), channel=Channel.API)
    path = f"/api/v1/messages?conversationId={conversation.pk}"
    assert [row["body"] for row in read_all_pages(api_client, path, "messages", limit=100)] == [
        str(number) for number in range(250)
    ]
    thread = api_client.get(f"/api/v1/conversations/{conversation.pk}").json()["conversation"]
    bodies, response = [row["body"] for row in thread["messages"]], thread
    assert len(bodies) == 100
    while "olderCursor" in response:
        response = api_client.get(f"{path}&limit=100&cursor={response['olderCursor']}").json()
        bodies = [row["body"] for row in response["messages"]] + bodies
    assert bodies == [str(number) for number in range(250)]


def test_the_last_page_has_no_cursor(tenants, api_client):
    for _ in range(2):
        make_conversation(tenants.north)
    assert "nextCursor" not in api_client.get("/api/v1/conversations?limit=2").json()


@pytest.fixture
def cursor_of_each_list(tenants, api_client):
    """Return a cursor of each list, and the path of the list of messages."""
    for _ in range(2):
        conversation = make_conversation(tenants.north)
        create_lead(tenants.acme.pk, name="Lead")
        send_message(conversation, role=Message.Role.OPERATOR, body="x", channel=Channel.API)
    messages = api_client.get(f"/api/v1/messages?conversationId={conversation.pk}&limit=1").json()
    return {
        "conversations": api_client.get("/api/v1/conversations?limit=1").json()["nextCursor"],
        "leads": api_client.get("/api/v1/leads?limit=1").json()["nextCursor"],
        "brands": api_client.get("/api/v1/brands?limit=1").json()["nextCursor"],
        "messages": messages["nextCursor"],
        "events": api_client.get("/api/v1/events").json()["nextCursor"],
        "path": f"messages?conversationId={conversation.pk}&cursor=",
    }


def test_foreign_and_altered_cursors_are_refused(tenants, api_client, api_client_for, cursor_of_each_list):
    messages_path = cursor_of_each_list.pop("path")
    paths = {name: f"{name}?cursor=" for name in ("conversations", "leads", "brands")}
    paths |= {"messages": messages_path, "events": "events?after="}
    mallory = api_client_for(tenants.globex)
    for name, path in paths.items():
        for other, cursor in cursor_of_each_list.items():
            expected = 200 if name == other else 422
            assert api_client.get(f"/api/v1/{path}{cursor}").status_code == expected, (name, other)
        own = cursor_of_each_list[name]
        for altered in (own[:-1], own + "x", own.replace(":", "", 1), own.swapcase()):
            assert api_client.get(f"/api/v1/{path}{altered}").status_code == 422
        foreign = mallory.get(f"/api/v1/{path}{own}")
        assert foreign.status_code == (404 if name == "messages" else 422)
