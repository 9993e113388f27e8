"""Each endpoint keeps its documented status codes, JSON fields and effects."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from conversations.actions import send_message
from conversations.models import Channel, Conversation, Message, Note
from conversations.tasks import wake_snoozed
from integrations.models import Event
from leads.models import Lead
from tests.conftest import make_conversation


def events_of(workspace):
    return list(Event.objects.filter(workspace=workspace).order_by("sequence").values_list("name", flat=True))


def test_ping_returns_the_workspace_of_the_key(api_client, tenants):
    response = api_client.get("/api/v1/ping")
    assert response.status_code == 200
    assert response.json() == {"ok": True, "workspaceId": str(tenants.acme.pk)}


def test_brands_are_listed(api_client, tenants):
    brands = api_client.get("/api/v1/brands").json()["brands"]
    assert [brand["slug"] for brand in brands] == ["north", "south"]
    assert set(brands[0]) == {"_id", "slug", "name", "primaryColor", "widgetId", "createdAt"}
    assert brands[0]["widgetId"].startswith("ws_")


CONVERSATION_FIELDS = {
    *("_id", "status", "channel", "brandId", "visitor", "assignee", "preview", "messageCount", "snoozedUntil"),
    *("createdAt", "updatedAt", "lastMessageAt", "waitingSince"),
}


def test_conversations_are_listed_newest_activity_first(api_client, tenants, conversations):
    response = api_client.get("/api/v1/conversations?status=open&limit=50").json()
    assert [row["_id"] for row in response["conversations"]] == [
        str(conversations.south.pk),
        str(conversations.north.pk),
    ]
    row = response["conversations"][0]
    assert set(row) == CONVERSATION_FIELDS
    assert set(row["visitor"]) == {"_id", "name", "email", "phone"}
    assert row["messageCount"] == 2
    assert row["preview"] == "Hi!"
    assert row["assignee"] is None
    assert isinstance(row["createdAt"], int)
    assert "nextCursor" not in response


def test_conversations_can_be_filtered(api_client, tenants, conversations):
    Conversation.objects.filter(pk=conversations.north.pk).update(assignee=tenants.alice)
    api_client.patch(f"/api/v1/conversations/{conversations.north.pk}", {"status": "resolved"})
    ids = lambda query: [row["_id"] for row in api_client.get(f"/api/v1/conversations?{query}").json()["conversations"]]  # noqa: E731
    assert ids("status=resolved") == [str(conversations.north.pk)]
    assert ids("status=closed") == []
    assert ids(f"brandId={tenants.south.pk}") == [str(conversations.south.pk)]
    row = api_client.get("/api/v1/conversations?status=resolved").json()["conversations"][0]
    assert row["assignee"] == {"_id": str(tenants.alice.pk), "name": "Alice"}
    conversations.north.refresh_from_db()
    changed = int(conversations.north.updated_at.timestamp() * 1000)
    assert ids(f"updatedSince={changed}") == [str(conversations.north.pk)]
    assert ids(f"updatedSince={changed + 1000}") == []


def test_a_conversation_includes_its_brand_and_messages(api_client, conversations, tenants):
    conversation = api_client.get(f"/api/v1/conversations/{conversations.north.pk}").json()["conversation"]
    assert set(conversation) == CONVERSATION_FIELDS | {"brand", "messages"}
    assert conversation["brand"]["slug"] == "north"
    assert [(m["role"], m["body"], m["channel"]) for m in conversation["messages"]] == [
        ("visitor", "Hello?", "widget"),
        ("operator", "Hi!", "dashboard"),
    ]


def test_a_message_can_be_sent(api_client, conversations, tenants):
    response = api_client.post(
        f"/api/v1/conversations/{conversations.north.pk}/messages", {"body": "  How can I help? \n"}
    )
    assert response.status_code == 201
    assert list(response.json()) == ["messageId"]
    assert response["Location"] == f"/api/v1/messages?conversationId={conversations.north.pk}"
    message = api_client.get(f"/api/v1/messages?conversationId={conversations.north.pk}").json()["messages"][-1]
    assert message == {
        "_id": response.json()["messageId"],
        "conversationId": str(conversations.north.pk),
        "role": "operator",
        "body": "How can I help?",
        "attachments": [],
        "channel": "api",
        "author": None,
        "createdAt": message["createdAt"],
    }
    conversation = api_client.get(f"/api/v1/conversations/{conversations.north.pk}").json()["conversation"]
    assert (conversation["preview"], conversation["messageCount"]) == ("How can I help?", 3)
    assert conversation["lastMessageAt"] == message["createdAt"]


def test_setting_the_same_status_twice_records_one_event(api_client, conversations, tenants):
    before = events_of(tenants.acme)
    path = f"/api/v1/conversations/{conversations.north.pk}"
    for _ in range(2):
        response = api_client.patch(path, {"status": "resolved"})
        assert (response.status_code, response.json()) == (200, {"ok": True})
    assert events_of(tenants.acme) == [*before, "conversation.status_changed"]
    assert api_client.get(path).json()["conversation"]["status"] == "resolved"


@pytest.mark.parametrize("status", ["snoozed", "resolved"])
def test_a_visitors_message_reopens_the_conversation(tenants, conversations, api_client, status):
    api_client.patch(f"/api/v1/conversations/{conversations.north.pk}", {"status": status})
    send_message(conversations.north, role=Message.Role.VISITOR, body="One more thing", channel=Channel.WIDGET)
    assert events_of(tenants.acme)[-2:] == ["conversation.status_changed", "message.created"]
    conversations.north.refresh_from_db()
    assert conversations.north.status == "open"


def test_a_visitors_message_after_closed_starts_a_new_conversation(tenants, conversations, api_client):
    api_client.patch(f"/api/v1/conversations/{conversations.north.pk}", {"status": "closed"})
    message = send_message(conversations.north, role=Message.Role.VISITOR, body="Me again", channel=Channel.WIDGET)
    assert message.conversation_id != conversations.north.pk
    assert message.conversation.visitor == conversations.north.visitor
    assert events_of(tenants.acme)[-2:] == ["conversation.created", "message.created"]
    conversations.north.refresh_from_db()
    assert (conversations.north.status, conversations.north.message_count) == ("closed", 2)


def test_an_operators_message_does_not_reopen_the_conversation(tenants, conversations, api_client):
    api_client.patch(f"/api/v1/conversations/{conversations.north.pk}", {"status": "resolved"})
    api_client.post(f"/api/v1/conversations/{conversations.north.pk}/messages", {"body": "By the way"})
    conversations.north.refresh_from_db()
    assert conversations.north.status == "resolved"


def test_a_snoozed_conversation_reopens_at_its_time(tenants, conversations, api_client):
    wakes = datetime.now(UTC) + timedelta(hours=2)
    path, until = f"/api/v1/conversations/{conversations.north.pk}", int(wakes.timestamp() * 1000)
    assert api_client.patch(path, {"status": "snoozed", "snoozedUntil": until}).status_code == 200
    assert api_client.get(path).json()["conversation"]["snoozedUntil"] == until
    wake_snoozed()
    assert api_client.get(path).json()["conversation"]["status"] == "snoozed"
    with time_machine.travel(wakes + timedelta(seconds=1)):
        wake_snoozed()
    conversation = api_client.get(path).json()["conversation"]
    assert (conversation["status"], conversation["snoozedUntil"]) == ("open", None)
    assert events_of(tenants.acme)[-1] == "conversation.status_changed"


def test_snoozing_again_changes_the_time_without_an_event(tenants, conversations, api_client):
    path = f"/api/v1/conversations/{conversations.north.pk}"
    api_client.patch(path, {"status": "snoozed"})
    before = events_of(tenants.acme)
    until = int((datetime.now(UTC) + timedelta(days=1)).timestamp() * 1000)
    api_client.patch(path, {"status": "snoozed", "snoozedUntil": until})
    api_client.patch(path, {"status": "snoozed"})
    assert api_client.get(path).json()["conversation"]["snoozedUntil"] == until
    api_client.patch(path, {"status": "snoozed", "snoozedUntil": None})
    assert api_client.get(path).json()["conversation"]["snoozedUntil"] is None
    assert events_of(tenants.acme) == before


def test_notes_never_appear_in_rest(tenants, conversations, api_client):
    Note.objects.create(
        workspace=tenants.acme,
        conversation=conversations.north,
        position=99,
        author=tenants.alice,
        body="a secret remark",
    )
    for path in (
        f"conversations/{conversations.north.pk}",
        f"messages?conversationId={conversations.north.pk}",
        "events",
    ):
        assert b"secret remark" not in api_client.get(f"/api/v1/{path}").content


def test_leads_can_be_created_listed_and_updated(api_client, tenants, conversations):
    response = api_client.post("/api/v1/leads", {"name": "Maya A.", "email": "maya@acme.com"})
    assert response.status_code == 201
    assert response["Location"] == "/api/v1/leads"
    lead_id = response.json()["leadId"]
    row = api_client.get("/api/v1/leads?status=new").json()["leads"][0]
    assert row == {
        "_id": lead_id,
        "name": "Maya A.",
        "email": "maya@acme.com",
        "phone": None,
        "notes": None,
        "status": "new",
        "brandId": None,
        "conversationId": None,
        "createdAt": row["createdAt"],
        "updatedAt": row["updatedAt"],
    }
    response = api_client.patch(
        f"/api/v1/leads/{lead_id}", {"status": "contacted", "notes": "called", "name": "Maya Abebe"}
    )
    assert response.json() == {"ok": True}
    row = api_client.get("/api/v1/leads?status=contacted").json()["leads"][0]
    assert (row["name"], row["notes"]) == ("Maya Abebe", "called")
    assert events_of(tenants.acme)[-2:] == ["lead.created", "lead.status_changed"]
    api_client.patch(f"/api/v1/leads/{lead_id}", {"status": "contacted", "notes": ""})
    assert events_of(tenants.acme)[-1] == "lead.status_changed"
    assert Event.objects.filter(workspace=tenants.acme, name="lead.status_changed").count() == 1
    assert Lead.objects.get(pk=lead_id).notes == ""


def test_a_lead_gets_the_brand_of_its_conversation(api_client, tenants, conversations):
    body = {"name": "Maya", "conversationId": str(conversations.south.pk)}
    lead_id = api_client.post("/api/v1/leads", body).json()["leadId"]
    assert Lead.objects.get(pk=lead_id).brand == tenants.south
    assert api_client.post("/api/v1/leads", body | {"brandId": str(tenants.south.pk)}).status_code == 201
    disagreeing = api_client.post("/api/v1/leads", body | {"brandId": str(tenants.north.pk)})
    assert disagreeing.status_code == 422
    assert "conversationId" in disagreeing.json()["error"]


def test_messages_keep_their_order_when_the_clock_jumps_back(tenants, api_client):
    conversation = make_conversation(tenants.north)
    with time_machine.travel(datetime.now(UTC) - timedelta(days=1)):
        api_client.post(f"/api/v1/conversations/{conversation.pk}/messages", {"body": "second"})
    messages = api_client.get(f"/api/v1/messages?conversationId={conversation.pk}").json()["messages"]
    assert [message["body"] for message in messages] == ["Hello?", "second"]
    assert messages[1]["createdAt"] >= messages[0]["createdAt"]


def test_unknown_paths_and_methods_are_answered_with_json(api_client, db):
    for path in ("/api/v1/nothing", "/api/v1/ping/", "/api/", "/api", "/api/v2/ping", "/api/v1/leads/"):
        response = api_client.get(path)
        assert (response.status_code, set(response.json())) == (404, {"error"}), path
    for path in ("/api/v1/ping", "/api/docs"):
        response = api_client.delete(path)
        assert (response.status_code, set(response.json())) == (405, {"error"})
    assert api_client.get(f"/api/v1/conversations/{uuid.uuid4()}").status_code == 404
