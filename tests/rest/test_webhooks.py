"""Webhooks over REST: creating, changing, testing and deleting them, and rotating their secrets."""

import ipaddress
import json
import time

import pytest
import time_machine
from django.db import connection

from integrations.models import Delivery, Event, WebhookSubscription
from praxtalk.core.api.models import IdempotencyRecord
from praxtalk.core.db.encryption import decrypt
from tests.webhooks.receivers import receiver

PUBLIC = "https://93.184.215.14/hook"


@pytest.fixture(autouse=True)
def allow_loopback(settings):
    settings.WEBHOOK_ALLOW_CIDRS = [ipaddress.ip_network("127.0.0.0/8")]


def create_webhook_by_rest(client, url=PUBLIC, events=("lead.created",), **more):
    response = client.post("/api/v1/webhooks", {"url": url, "events": list(events), **more})
    assert response.status_code == 201, response.content
    return response.json()["webhookId"]


def assert_refused(response, sentence, code="invalid", status=422):
    assert (response.status_code, response["X-Error-Code"]) == (status, code), response.content
    assert sentence in response.json()["error"], response.content


def test_a_webhook_can_be_created_read_changed_paused_and_deleted(tenants, api_client):
    body = {"url": PUBLIC, "events": ["message.created", "lead.created", "lead.created"], "description": " CRM "}
    response = api_client.post("/api/v1/webhooks", body)
    created = response.json()
    assert response.status_code == 201
    assert set(created) == {"webhookId", "secret"}
    assert created["secret"].startswith("whsec_")
    shown = api_client.get(response["Location"]).json()["webhook"]
    assert shown == {
        "_id": created["webhookId"],
        "url": PUBLIC,
        "events": ["lead.created", "message.created"],
        "brandId": None,
        "description": "CRM",
        "status": "active",
        "pause": None,
        "rotation": None,
        "failingSince": None,
        "createdAt": shown["createdAt"],
    }
    assert api_client.get("/api/v1/webhooks").json() == {"webhooks": [shown]}
    assert created["secret"] not in api_client.get("/api/v1/webhooks").content.decode()
    one = f"/api/v1/webhooks/{created['webhookId']}"
    changes = {"url": "http://93.184.215.14:8080/x", "events": ["lead.created"], "description": None}
    assert api_client.patch(one, changes).json() == {"ok": True}
    assert api_client.patch(one, {"status": "paused", "holdEvents": False}).json() == {"ok": True}
    shown = api_client.get(one).json()["webhook"]
    assert (shown["url"], shown["events"], shown["description"]) == (changes["url"], ["lead.created"], None)
    assert shown["pause"] == {"by": "owner", "since": shown["pause"]["since"], "holdEvents": False}
    assert api_client.get("/api/v1/webhooks?status=active").json()["webhooks"] == []
    assert api_client.patch(one, {"status": "active"}).json() == {"ok": True}
    assert api_client.get(one).json()["webhook"]["pause"] is None
    assert api_client.patch(one, {"status": "paused"}).json() == {"ok": True}
    assert api_client.get(one).json()["webhook"]["pause"]["holdEvents"] is True  # every pause starts with the default
    assert api_client.patch(one, {"holdEvents": False}).json() == {"ok": True}
    assert api_client.get(one).json()["webhook"]["pause"]["holdEvents"] is False
    assert_refused(api_client.delete(f"{one}?x=1"), "x: ")
    assert api_client.delete(one).json() == {"ok": True}
    assert api_client.get(one).status_code == 404
    assert api_client.delete(one).status_code == 404


BAD_WEBHOOKS = [
    ({}, "url: "),
    ({"url": PUBLIC}, "events: "),
    ({"url": PUBLIC, "events": []}, "events: "),
    ({"url": PUBLIC, "events": "lead.created"}, "events: "),
    ({"url": PUBLIC, "events": ["lead.deleted"]}, "events"),
    ({"url": PUBLIC, "events": ["ping"]}, "events"),
    ({"url": PUBLIC, "events": [{}]}, "events"),
    ({"url": PUBLIC, "events": [None]}, "events"),
    ({"url": 5, "events": ["lead.created"]}, "url: "),
    ({"url": "https://10.0.0.1/", "events": ["lead.created"]}, "url: "),
    ({"url": "https://169.254.169.254/", "events": ["lead.created"]}, "url: "),
    ({"url": "https://x/" + "y" * 2048, "events": ["lead.created"]}, "url: "),
    ({"url": "https://93.184.215.14/\x00", "events": ["lead.created"]}, "url: "),
    ({"url": PUBLIC, "events": ["lead.created"], "description": "x" * 201}, "description: "),
    ({"url": PUBLIC, "events": ["lead.created"], "secret": "mine"}, "secret: "),
    ({"url": PUBLIC, "events": ["lead.created"], "status": "paused"}, "status: "),
]


@pytest.mark.parametrize(("body", "sentence"), BAD_WEBHOOKS)
def test_invalid_webhooks_are_refused(api_client, body, sentence):
    assert_refused(api_client.post("/api/v1/webhooks", body), sentence)
    assert WebhookSubscription.objects.count() == 0


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "Send at least one of"),
        ({"holdEvents": "yes"}, "holdEvents: "),
        ({"holdEvents": False}, "holdEvents: This applies only to a paused webhook"),
        ({"status": "active", "holdEvents": False}, "holdEvents: This applies only to a paused webhook"),
        ({"holdEvents": 1}, "holdEvents: "),
        ({"status": "stopped"}, "status: "),
        ({"url": "http://192.168.0.1/"}, "url: "),
        ({"brandId": None}, "brandId: "),
        ({"events": []}, "events: "),
    ],
)
def test_invalid_changes_are_refused(api_client, body, sentence):
    webhook = create_webhook_by_rest(api_client)
    assert_refused(api_client.patch(f"/api/v1/webhooks/{webhook}", body), sentence)
    assert api_client.get(f"/api/v1/webhooks/{webhook}").json()["webhook"]["url"] == PUBLIC


def test_a_repeated_creation_returns_the_same_secret_from_an_encrypted_record(api_client):
    body = {"url": PUBLIC, "events": ["lead.created"]}
    first, again = (api_client.post("/api/v1/webhooks", body, HTTP_IDEMPOTENCY_KEY="k") for _ in range(2))
    assert first.content == again.content
    assert again["Idempotency-Replayed"] == "true"
    assert WebhookSubscription.objects.count() == 1
    stored = IdempotencyRecord.objects.get().body
    assert first.json()["secret"] not in stored
    assert first.json()["secret"] in decrypt(stored)


def test_a_secret_can_be_rotated_promoted_and_retired(api_client):
    one = f"/api/v1/webhooks/{create_webhook_by_rest(api_client)}"
    assert_refused(api_client.post(f"{one}/promote"), "Rotate the secret first", "nothing_to_promote")
    rotation = lambda: api_client.get(one).json()["webhook"]["rotation"]  # noqa: E731
    new = api_client.post(f"{one}/rotate").json()
    assert rotation() == {"promoted": False, "oldSecretEndsAt": None}
    assert set(new) == {"secret"}
    assert api_client.post(f"{one}/promote").json() == {"ok": True}
    assert api_client.post(f"{one}/promote").json() == {"ok": True}
    assert rotation()["promoted"]
    assert rotation()["oldSecretEndsAt"] > time.time() * 1000
    assert_refused(api_client.post(f"{one}/rotate"), "Retire it first", "old_secret_signs")
    assert api_client.post(f"{one}/retire").json() == {"ok": True}
    assert rotation() is None
    assert api_client.post(f"{one}/rotate").json()["secret"] != new["secret"]
    assert_refused(api_client.post(f"{one}/rotate", {"now": True}), "now: ")


def test_a_webhook_test_reports_the_receivers_response(api_client):
    with receiver() as good, receiver(status=500) as bad:
        webhook = create_webhook_by_rest(api_client, good.url)
        response = api_client.post(f"/api/v1/webhooks/{webhook}/test").json()
        assert response == {"delivered": True, "statusCode": 200, "durationMs": response["durationMs"], "error": None}
        (ping,) = good.requests
        assert ping.headers["X-PraxTalk-Event"] == "ping"
        body = json.loads(ping.body)
        assert (body["type"], body["data"], body["id"]) == (
            "ping",
            {"webhookId": webhook},
            ping.headers["X-PraxTalk-Event-Id"],
        )
        response = api_client.post(f"/api/v1/webhooks/{create_webhook_by_rest(api_client, bad.url)}/test").json()
        assert (response["delivered"], response["statusCode"]) == (False, 500)
    response = api_client.post(f"/api/v1/webhooks/{webhook}/test").json()
    assert (response["delivered"], response["statusCode"]) == (False, None)
    assert response["error"].startswith("No connection")
    assert (Event.objects.count(), Delivery.objects.count()) == (0, 0)  # a test is not an event and stores nothing


def test_a_repeated_webhook_test_sends_nothing_again(api_client):
    with receiver() as good:
        path = f"/api/v1/webhooks/{create_webhook_by_rest(api_client, good.url)}/test"
        first, again = (api_client.post(path, HTTP_IDEMPOTENCY_KEY="k") for _ in range(2))
        assert (first.content, again["Idempotency-Replayed"], len(good.requests)) == (again.content, "true", 1)


def test_webhook_tests_are_rate_limited_per_workspace(tenants, api_client, api_client_for, monkeypatch):
    """A test may occupy a thread for 15 seconds."""
    monkeypatch.setattr("praxtalk.core.api.limits.TESTS_PER_MINUTE", 2)
    with receiver() as good:
        path = f"/api/v1/webhooks/{create_webhook_by_rest(api_client, good.url)}/test"
        with time_machine.travel("2026-11-22T12:00:01Z", tick=False):
            assert [api_client.post(path).status_code for _ in range(3)] == [200, 200, 429]
            assert api_client_for(tenants.acme).post(path)["X-Error-Code"] == "rate_limited"
            mallory = api_client_for(tenants.globex)
            assert mallory.post(f"/api/v1/webhooks/{create_webhook_by_rest(mallory, good.url)}/test").status_code == 200


def test_the_url_is_shown_in_the_encoded_form_in_which_it_is_requested(api_client):
    webhook = create_webhook_by_rest(api_client, "https://93.184.215.14/Ünï?a=%2F")
    shown = api_client.get(f"/api/v1/webhooks/{webhook}").json()["webhook"]["url"]
    assert shown == "https://93.184.215.14/%C3%9Cn%C3%AF?a=%2F"
    assert api_client.patch(f"/api/v1/webhooks/{webhook}", {"url": shown}).status_code == 200
    assert api_client.get(f"/api/v1/webhooks/{webhook}").json()["webhook"]["url"] == shown


def test_no_transaction_is_open_while_a_webhook_test_waits(transactional_db, api_client, monkeypatch):
    seen = []

    def look(webhook):
        seen.append(connection.in_atomic_block)
        raise RuntimeError

    webhook = create_webhook_by_rest(api_client)
    monkeypatch.setattr("integrations.api.webhooks.ping", look)
    assert api_client.post(f"/api/v1/webhooks/{webhook}/test", HTTP_IDEMPOTENCY_KEY="k").status_code == 500
    assert seen == [False]


def test_the_number_of_webhooks_of_a_workspace_is_limited(tenants, api_client, api_client_for, monkeypatch):
    monkeypatch.setattr("integrations.actions.subscriptions.MAX_WEBHOOKS", 2)
    first, _ = create_webhook_by_rest(api_client), create_webhook_by_rest(api_client)
    body = {"url": PUBLIC, "events": ["lead.created"]}
    assert_refused(api_client.post("/api/v1/webhooks", body), "at most 2 webhooks", "too_many_webhooks")
    assert api_client_for(tenants.globex).post("/api/v1/webhooks", body).status_code == 201
    api_client.delete(f"/api/v1/webhooks/{first}")
    assert api_client.post("/api/v1/webhooks", body).status_code == 201
