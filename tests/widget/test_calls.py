"""The HTTP API that widget.js calls: effects, validation and access."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.utils import timezone

from brands.actions import configure_widget, rotate_identity_secret
from conversations.actions import send_message, set_status
from conversations.models import Channel, Conversation, Message, Visitor
from integrations.models import Event
from tests.widget.visitors import Browser, client_id, identity_of

pytestmark = pytest.mark.django_db


def reply_to_visitor(browser, body="Hello Maya"):
    conversation = Conversation.objects.order_by("-created_at").first()
    return send_message(conversation, role=Message.Role.OPERATOR, body=body, channel=Channel.API)


def test_form_creates_a_visitor_with_a_conversation(cast, crm):
    browser = Browser(cast.north)
    response = browser.start(phone="+251 11 000", page="https://shop.example/cart")
    assert response.status_code == 201
    assert response.json()["visitor"] == {"name": "Maya A.", "email": "maya@example.com"}
    shown = crm.get("/api/v1/conversations").json()["conversations"]
    assert [(one["visitor"]["name"], one["visitor"]["phone"], one["channel"]) for one in shown] == [
        ("Maya A.", "+251 11 000", "widget")
    ]
    assert Visitor.objects.get().page == "https://shop.example/cart"
    assert list(Event.objects.order_by("created_at", "id").values_list("name", flat=True)) == [
        "conversation.created",
        "message.created",
    ]
    assert browser.bodies() == ["Do you ship to Addis Ababa?"]


def test_form_sent_twice_creates_one_visitor(cast):
    browser, form = Browser(cast.north), {"clientId": client_id()}
    first, second = browser.start(**form), Browser(cast.north).start(**form)
    assert first.json()["messageId"] == second.json()["messageId"]
    assert Visitor.objects.count() == Conversation.objects.count() == Message.objects.count() == 1


def test_message_sent_twice_is_stored_once_and_in_order(cast):
    browser, name = Browser(cast.north), client_id()
    browser.start(message="one")
    ids = {browser.say("two", clientId=name).json()["messageId"] for _ in range(3)}
    assert browser.say("three").status_code == 201
    assert len(ids) == 1
    assert browser.bodies() == ["one", "two", "three"]


def test_message_after_a_closed_conversation_starts_a_new_one_in_the_same_thread(cast):
    browser = Browser(cast.north)
    browser.start(message="one")
    reply_to_visitor(browser, "two")
    set_status(Conversation.objects.get(), status="closed")
    name = client_id()
    for _ in range(2):
        assert browser.say("three", clientId=name).status_code == 201
    assert browser.say("four").status_code == 201
    assert Conversation.objects.count() == 2
    assert browser.bodies() == ["one", "two", "three", "four"]
    assert browser.thread().json()["status"] == "open"


def test_history_is_paginated_across_conversations(cast, settings):
    settings.WIDGET_MESSAGES_PER_VISITOR = 1_000
    browser = Browser(cast.north)
    browser.start(message="0")
    for number in range(1, 130):
        if number == 60:
            set_status(Conversation.objects.get(), status="closed")
        reply_to_visitor(browser, str(number)) if number % 7 == 0 else Browser.say(
            browser, str(number), clientId=client_id()
        )
    page, found = browser.thread().json(), []
    while True:
        found = [message["body"] for message in page["messages"]] + found
        if not page["hasMore"]:
            break
        page = browser.thread(before=page["messages"][0]["_id"]).json()
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
def test_invalid_form_returns_errors_by_field(cast, change, fields):
    response = Browser(cast.north).start(**change)
    assert response.status_code == 422
    assert response.json()["code"] == "invalid"
    assert response.json()["fields"].items() >= fields.items()
    assert response["Access-Control-Allow-Origin"] == "*"
    assert not Visitor.objects.exists()


def test_invalid_page_url_is_ignored_and_lone_surrogates_are_rejected(cast):
    browser = Browser(cast.north)
    for page in ("javascript:alert(1)", "x" * 5_000, 7, "https://a\n"):
        assert browser.start(page=page, clientId=client_id()).status_code == 201
    assert set(Visitor.objects.values_list("page", flat=True)) == {""}
    raw = f'{{"widgetId": "{cast.north.widget_id}", "clientId": "{client_id()}", "body": "a\\ud800b"}}'
    response = browser.http.post("/widget/v1/messages", raw, content_type="application/json", headers=browser.headers())
    assert response.status_code == 422
    assert "error" in response.json()


def test_thread_requires_the_visitors_token(cast):
    browser = Browser(cast.north)
    browser.start()
    token = browser.token
    for wrong in (None, "", token[:-3], token + "x", "a.b.c", "ptk_live_x"):
        stranger = Browser(cast.north)
        stranger.token = wrong
        for response in (stranger.thread(), stranger.say("Hi")):
            assert response.status_code == 401, wrong
            assert response.json()["code"] == "unauthenticated"
    for brand in (cast.south, cast.west):
        elsewhere = Browser(brand)
        elsewhere.token = token
        assert elsewhere.thread().status_code == elsewhere.say("Hi").status_code == 401
    assert browser.bodies() == ["Do you ship to Addis Ababa?"]
    assert Message.objects.count() == 1


def test_token_expires_after_180_days_and_is_renewed_by_writing(cast, time_machine):
    time_machine.move_to("2026-01-01 12:00Z", tick=False)
    browser = Browser(cast.north)
    browser.start()
    assert "token" not in browser.say("at once").json()
    time_machine.shift(179 * 86400)
    renewed = browser.say("late").json()["token"]
    time_machine.shift(2 * 86400)
    assert browser.thread().status_code == 401
    browser.token = renewed
    assert browser.thread().status_code == 200


def test_token_of_a_deleted_visitor_is_rejected(cast):
    browser = Browser(cast.north)
    browser.start()
    Conversation.objects.all().delete()
    Visitor.objects.all().delete()
    assert browser.thread().status_code == 401


def test_pagination_from_another_visitors_message_is_a_404(cast):
    browser, other = Browser(cast.north), Browser(cast.north)
    browser.start()
    theirs = other.start().json()["messageId"]
    for before in (theirs, str(uuid.uuid4()), "x"):
        assert browser.thread(before=before).status_code == 404
    assert browser.thread(before=browser.thread().json()["messages"][0]["_id"]).json() == {
        "messages": [],
        "hasMore": False,
    }


@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [
        ("https://shop.example", True),
        ("http://shop.example", True),
        ("https://shop.example:8443", True),
        ("https://www.shop.example", False),
        ("https://a.b.sites.example", True),
        ("https://sites.example", False),
        ("https://evilsites.example", False),
        ("https://shop.example.evil.example", False),
        ("https://local.example:3000", True),
        ("https://local.example:3001", False),
        ("null", False),
        ("", False),
        ("file://shop.example", False),
        ("https://[", False),
    ],
)
def test_allowed_domains_restrict_where_the_widget_works(cast, origin, is_allowed):
    configure_widget(cast.north, allowed_domains=["shop.example", "*.sites.example", "local.example:3000"])
    response = Browser(cast.north, origin).start()
    assert response.status_code == (201 if is_allowed else 403)
    if origin:
        config = Browser(cast.north, origin).get("config", id=cast.north.widget_id)
        assert config.status_code == (200 if is_allowed else 403)
        if not is_allowed:
            assert config.json()["code"] == "origin_not_allowed"
    assert Browser(cast.south, origin).start().status_code == 201


def test_identified_person_is_one_visitor_on_all_devices(cast):
    phone, laptop = Browser(cast.north), Browser(cast.north)
    identity = identity_of(cast.north, name="Maya", email="maya@site.example")
    assert phone.post("identify", {"widgetId": cast.north.widget_id, **identity}).json() == {
        "token": None,
        "visitor": None,
    }
    assert not Visitor.objects.exists()
    assert phone.start(name="", email="", identity=identity, message="from the phone").status_code == 201
    known = laptop.post("identify", {"widgetId": cast.north.widget_id, **identity, "name": "Maya Abebe"}).json()
    assert known["visitor"] == {"name": "Maya Abebe", "email": "maya@site.example"}
    laptop.token = known["token"]
    assert laptop.bodies() == ["from the phone"]
    assert laptop.start(identity=identity, message="again").status_code == 201
    assert phone.bodies() == ["from the phone", "again"]
    assert Visitor.objects.count() == Conversation.objects.count() == 1


def test_identity_with_an_invalid_hash_is_rejected(cast):
    right = identity_of(cast.north)
    rotated = identity_of(cast.south)
    rotate_identity_secret(cast.south)
    for brand, identity in [
        (cast.north, right | {"hash": "0" * 64}),
        (cast.north, right | {"id": "user-8"}),
        (cast.north, right | {"hash": "é" * 20}),
        (cast.south, right),
        (cast.south, rotated),
        (cast.west, right),
    ]:
        browser = Browser(brand)
        for response in (
            browser.start(identity=identity),
            browser.post("identify", {"widgetId": brand.widget_id, **identity}),
        ):
            assert response.status_code == 403
            assert response.json()["code"] == "identity_wrong"
    assert Browser(cast.north).start(identity=right).status_code == 201
    cast.north.encrypted_identity_secret = ""
    cast.north.save()
    assert Browser(cast.north).start(identity=right).status_code == 403


def test_rate_limits_return_retry_after(cast, settings, time_machine):
    time_machine.move_to(timezone.now(), tick=False)  # so that no rate-limit window ends in between
    settings.WIDGET_STARTS_PER_IP, settings.WIDGET_MESSAGES_PER_VISITOR = 3, 4
    browser = Browser(cast.north)
    assert [browser.start(clientId=client_id()).status_code for _ in range(4)] == [201, 201, 201, 429]
    refused = [browser.say("Hi") for _ in range(5)]
    assert [response.status_code for response in refused] == [201] * 4 + [429]
    assert int(refused[-1]["Retry-After"]) >= 1
    assert refused[-1].json()["code"] == "rate_limited"
    settings.WIDGET_STARTS_PER_BRAND = 1
    brands = [Browser(cast.west).start().status_code, Browser(cast.west).start().status_code]
    assert brands == [201, 429]


def test_errors_are_returned_as_json(cast):
    browser = Browser(cast.north)
    for response in (
        browser.get("config", id="ws_nobody"),
        browser.get("nowhere"),
        browser.post("start", {"widgetId": "ws_nobody"} | {"clientId": client_id()}),
        browser.get("config"),
        browser.get("start"),
        browser.post("messages", []),
        browser.http.post("/widget/v1/start", "{", content_type="application/json"),
        browser.http.post("/widget/v1/start", "a=b", content_type="application/x-www-form-urlencoded"),
    ):
        assert response.status_code in (404, 405, 422)
        assert response.json()["error"]
        assert response["Access-Control-Allow-Origin"] == "*"
    preflight = browser.http.options("/widget/v1/start", headers={"Origin": browser.origin})
    assert preflight.status_code == 204
    assert "Authorization" in preflight["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in preflight


@pytest.mark.django_db(transaction=True)
def test_concurrent_messages_after_a_closed_conversation_start_one_conversation(cast):
    browser = Browser(cast.north)
    browser.start()
    set_status(Conversation.objects.get(), status="closed")

    def say(number):
        try:
            return browser.say(str(number)).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as tabs:
        assert set(tabs.map(say, range(4))) == {201}
    assert Conversation.objects.count() == 2
    assert sorted(browser.bodies()[1:]) == ["0", "1", "2", "3"]
