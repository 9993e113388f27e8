"""The HTTP API that widget.js calls: effects, validation and access."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.utils import timezone

from conversations.actions import send_message, set_status
from conversations.models import Channel, Conversation, Message, Visitor
from integrations.models import Event
from tests.widget.visitors import VisitorClient, client_id

pytestmark = pytest.mark.django_db


def reply_to_visitor(visitor_client, body="Hello Maya"):
    conversation = Conversation.objects.order_by("-created_at").first()
    return send_message(conversation, role=Message.Role.OPERATOR, body=body, channel=Channel.API)


def test_form_creates_a_visitor_with_a_conversation(tenants, api_client):
    visitor_client = VisitorClient(tenants.north)
    response = visitor_client.start(phone="+251 11 000", page="https://shop.example/cart")
    assert response.status_code == 201
    assert response.json()["visitor"] == {"name": "Maya A.", "email": "maya@example.com"}
    shown = api_client.get("/api/v1/conversations").json()["conversations"]
    assert [(one["visitor"]["name"], one["visitor"]["phone"], one["channel"]) for one in shown] == [
        ("Maya A.", "+251 11 000", "widget")
    ]
    assert Visitor.objects.get().page == "https://shop.example/cart"
    assert list(Event.objects.order_by("created_at", "id").values_list("name", flat=True)) == [
        "conversation.created",
        "message.created",
    ]
    assert visitor_client.bodies() == ["Do you ship to Addis Ababa?"]


def test_form_sent_twice_creates_one_visitor(tenants):
    visitor_client, form = VisitorClient(tenants.north), {"clientId": client_id()}
    first, second = visitor_client.start(**form), VisitorClient(tenants.north).start(**form)
    assert first.json()["messageId"] == second.json()["messageId"]
    assert Visitor.objects.count() == Conversation.objects.count() == Message.objects.count() == 1


def test_message_sent_twice_is_stored_once_and_in_order(tenants):
    visitor_client, name = VisitorClient(tenants.north), client_id()
    visitor_client.start(message="one")
    ids = {visitor_client.send_message("two", clientId=name).json()["messageId"] for _ in range(3)}
    assert visitor_client.send_message("three").status_code == 201
    assert len(ids) == 1
    assert visitor_client.bodies() == ["one", "two", "three"]


def test_message_after_a_closed_conversation_starts_a_new_one_in_the_same_thread(tenants):
    visitor_client = VisitorClient(tenants.north)
    visitor_client.start(message="one")
    reply_to_visitor(visitor_client, "two")
    set_status(Conversation.objects.get(), status="closed")
    name = client_id()
    for _ in range(2):
        assert visitor_client.send_message("three", clientId=name).status_code == 201
    assert visitor_client.send_message("four").status_code == 201
    assert Conversation.objects.count() == 2
    assert visitor_client.bodies() == ["one", "two", "three", "four"]
    assert visitor_client.thread().json()["status"] == "open"


def test_history_is_paginated_across_conversations(tenants, settings):
    settings.WIDGET_MESSAGES_PER_VISITOR = 1_000
    visitor_client = VisitorClient(tenants.north)
    visitor_client.start(message="0")
    for number in range(1, 130):
        if number == 60:
            set_status(Conversation.objects.get(), status="closed")
        reply_to_visitor(visitor_client, str(number)) if number % 7 == 0 else VisitorClient.send_message(
            visitor_client, str(number), clientId=client_id()
        )
    page, found = visitor_client.thread().json(), []
    while True:
        found = [message["body"] for message in page["messages"]] + found
        if not page["hasMore"]:
            break
        page = visitor_client.thread(before=page["messages"][0]["_id"]).json()
    assert found == [str(number) for number in range(130)]


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"name": ""}, {"name": "required"}),
        ({"email": ""}, {"email": "required"}),
        ({"name": " ", "email": None}, {"name": "required", "email": "required"}),
        ({"email": "maya"}, {"email": "invalid"}),
        ({"message": " "}, {"message": "required"}),
        ({"message": "x" * 10_001}, {"message": "too_long"}),
        ({"message": "a\x00b"}, {"message": "invalid"}),
        ({"name": "x" * 201}, {"name": "too_long"}),
        ({"name": 5}, {"name": "invalid"}),
        ({"phone": "0" * 41}, {"phone": "too_long"}),
        ({"clientId": "one"}, {"clientId": "invalid"}),
        ({"clientId": 5}, {"clientId": "invalid"}),
        ({"website": "http://spam.example"}, {"website": "invalid"}),
        ({"surprise": 1}, {"surprise": "invalid"}),
        ({"identity": "me"}, {"identity": "invalid"}),
        ({"identity": 1}, {"identity": "invalid"}),
        ({"identity": True}, {"identity": "invalid"}),
        ({"identity": [["id", "1"]]}, {"identity": "invalid"}),
    ],
)
def test_invalid_form_returns_errors_by_field(tenants, change, fields):
    response = VisitorClient(tenants.north).start(**change)
    assert response.status_code == 422
    assert response.json()["code"] == "invalid"
    assert response.json()["fields"].items() >= fields.items()
    assert response["Access-Control-Allow-Origin"] == "*"
    assert not Visitor.objects.exists()


def test_invalid_page_url_is_ignored_and_lone_surrogates_are_rejected(tenants):
    visitor_client = VisitorClient(tenants.north)
    for page in ("javascript:alert(1)", "x" * 5_000, 7, "https://a\n"):
        assert visitor_client.start(page=page, clientId=client_id()).status_code == 201
    assert set(Visitor.objects.values_list("page", flat=True)) == {""}
    raw = f'{{"widgetId": "{tenants.north.widget_id}", "clientId": "{client_id()}", "body": "a\\ud800b"}}'
    response = visitor_client.http.post(
        "/widget/v1/messages", raw, content_type="application/json", headers=visitor_client.headers()
    )
    assert response.status_code == 422
    assert "error" in response.json()


def test_rate_limits_return_retry_after(tenants, settings, time_machine):
    time_machine.move_to(timezone.now(), tick=False)  # so that no rate-limit window ends in between
    settings.WIDGET_STARTS_PER_IP, settings.WIDGET_MESSAGES_PER_VISITOR = 3, 4
    visitor_client = VisitorClient(tenants.north)
    assert [visitor_client.start(clientId=client_id()).status_code for _ in range(4)] == [201, 201, 201, 429]
    refused = [visitor_client.send_message("Hi") for _ in range(5)]
    assert [response.status_code for response in refused] == [201] * 4 + [429]
    assert int(refused[-1]["Retry-After"]) >= 1
    assert refused[-1].json()["code"] == "rate_limited"
    settings.WIDGET_STARTS_PER_BRAND = 1
    brands = [VisitorClient(tenants.west).start().status_code, VisitorClient(tenants.west).start().status_code]
    assert brands == [201, 429]


def test_errors_are_returned_as_json(tenants):
    visitor_client = VisitorClient(tenants.north)
    for response in (
        visitor_client.get("config", id="ws_nobody"),
        visitor_client.get("nowhere"),
        visitor_client.post("start", {"widgetId": "ws_nobody"} | {"clientId": client_id()}),
        visitor_client.get("config"),
        visitor_client.get("start"),
        visitor_client.post("messages", []),
        visitor_client.http.post("/widget/v1/start", "{", content_type="application/json"),
        visitor_client.http.post("/widget/v1/start", "a=b", content_type="application/x-www-form-urlencoded"),
    ):
        assert response.status_code in (404, 405, 422)
        assert response.json()["error"]
        assert response["Access-Control-Allow-Origin"] == "*"
    preflight = visitor_client.http.options("/widget/v1/start", headers={"Origin": visitor_client.origin})
    assert preflight.status_code == 204
    assert "Authorization" in preflight["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in preflight


@pytest.mark.django_db(transaction=True)
def test_concurrent_messages_after_a_closed_conversation_start_one_conversation(tenants):
    visitor_client = VisitorClient(tenants.north)
    visitor_client.start()
    set_status(Conversation.objects.get(), status="closed")

    def send(number):
        try:
            return visitor_client.send_message(str(number)).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as tabs:
        assert set(tabs.map(send, range(4))) == {201}
    assert Conversation.objects.count() == 2
    assert sorted(visitor_client.bodies()[1:]) == ["0", "1", "2", "3"]
