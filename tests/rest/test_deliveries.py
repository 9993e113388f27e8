"""Webhook deliveries over REST: attempts, responses, retries and replays."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.actions.replays import advance
from integrations.models import Attempt, Delivery, DeliveryCount, Event, EventName, Replay, WebhookSubscription
from leads.actions import create_lead
from tests.conftest import ApiKeyClient, make_conversation
from tests.rest.test_webhooks import allow_loopback, assert_refused, create_webhook_by_rest  # noqa: F401 - a fixture
from tests.webhooks.conftest import deliver_due
from tests.webhooks.receivers import receiver

PUBLIC = "https://93.184.215.14/hook"


def test_a_delivery_shows_its_attempts_and_can_be_retried(tenants, api_client):
    with receiver(status=500) as receives:
        webhook, other = (
            create_webhook_by_rest(api_client, receives.url),
            create_webhook_by_rest(api_client, receives.url, ["conversation.created"]),
        )
        lead = create_lead(tenants.acme.pk, name="Maya")
        make_conversation(tenants.north)
        deliver_due()
        deliveries = api_client.get("/api/v1/deliveries").json()["deliveries"]
        assert [(each["webhookId"], each["type"]) for each in deliveries] == [
            (other, "conversation.created"),
            (webhook, "lead.created"),
        ]
        one = deliveries[1]
        event = Event.objects.get(name=EventName.LEAD_CREATED)
        assert one == {
            "_id": one["_id"],
            "webhookId": webhook,
            "eventId": str(event.pk),
            "type": "lead.created",
            "status": "pending",
            "attempts": 1,
            "nextAttemptAt": one["nextAttemptAt"],
            "createdAt": one["createdAt"],
        }
        assert str(lead.pk).encode() in bytes(event.body)
        alone = api_client.get(f"/api/v1/deliveries/{one['_id']}").json()["delivery"]
        (log,) = alone.pop("log")
        assert alone == one
        assert log == {
            "number": 1,
            "trigger": "schedule",
            "startedAt": log["startedAt"],
            "durationMs": log["durationMs"],
            "outcome": "failed",
            "statusCode": 500,
            "responseBody": "",
            "error": None,
        }
        receives.status = 204
        assert api_client.post(f"/api/v1/deliveries/{one['_id']}/retry").json() == {"ok": True}
        deliver_due()
        alone = api_client.get(f"/api/v1/deliveries/{one['_id']}").json()["delivery"]
        assert (alone["status"], alone["attempts"], alone["nextAttemptAt"]) == ("succeeded", 1, None)
        assert [(log["number"], log["trigger"], log["outcome"]) for log in alone["log"]] == [
            (1, "schedule", "failed"),
            (2, "manual", "succeeded"),
        ]


def test_deliveries_can_be_filtered(tenants, api_client, webhooks):
    Delivery.objects.filter(pk=webhooks.south_delivery.pk).update(status="failed")
    ids = lambda query: [each["_id"] for each in api_client.get(f"/api/v1/deliveries?{query}").json()["deliveries"]]  # noqa: E731
    north, south = str(webhooks.north_delivery.pk), str(webhooks.south_delivery.pk)
    assert ids("") == [south, north]
    assert ids(f"webhookId={webhooks.north.pk}") == [north]
    assert ids("status=failed") == [south]
    assert ids("status=held") == []
    assert ids("type=lead.created") == [south, north]
    assert ids("type=message.created") == []
    assert ids(f"status=pending&type=lead.created&webhookId={webhooks.north.pk}") == [north]
    assert_refused(api_client.get("/api/v1/deliveries?status=done"), "status: ")
    assert_refused(api_client.get("/api/v1/deliveries?type=ping"), "type: ")
    assert_refused(api_client.get("/api/v1/deliveries?webhook=x"), "webhook: ")
    assert api_client.get("/api/v1/deliveries?webhookId=x").status_code == 404
    page = api_client.get("/api/v1/deliveries?limit=1").json()
    assert ids(f"limit=1&cursor={page['nextCursor']}") == [north]


def test_deliveries_of_a_paused_webhook_cannot_be_retried(api_client, webhooks):
    api_client.patch(f"/api/v1/webhooks/{webhooks.north.pk}", {"status": "paused"})
    retry = f"/api/v1/deliveries/{webhooks.north_delivery.pk}/retry"
    assert_refused(api_client.post(retry), "Set its status to active first", "webhook_paused")
    api_client.patch(f"/api/v1/webhooks/{webhooks.north.pk}", {"status": "active"})
    assert api_client.post(retry).json() == {"ok": True}


def test_a_replay_shows_its_progress(api_client, webhooks):
    Delivery.objects.update(status="failed")
    response = api_client.post("/api/v1/deliveries/replay", {"webhookId": str(webhooks.north.pk)})
    assert response.status_code == 201
    assert response["Location"] == f"/api/v1/replays/{response.json()['replayId']}"
    assert api_client.get(response["Location"]).json() == {"total": 1, "done": 0, "status": "running"}
    while advance():
        pass
    assert api_client.get(response["Location"]).json() == {"total": 1, "done": 1, "status": "done"}
    assert set(Delivery.objects.filter(status="pending").values_list("pk", flat=True)) == {webhooks.north_delivery.pk}


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"status": "pending"}, "status: "),
        ({"type": "ping"}, "type: "),
        ({"since": "yesterday"}, "since: "),
        ({"since": -1}, "since: "),
        ({"until": 10**30}, "until: "),
        ({"until": 1.5}, "until: "),
        ({"limit": 5}, "limit: "),
        ({"since": 2, "until": 1}, "since: "),
    ],
)
def test_invalid_replays_are_refused(api_client, webhooks, more, sentence):
    before = Replay.objects.count()
    assert_refused(
        api_client.post("/api/v1/deliveries/replay", {"webhookId": str(webhooks.north.pk), **more}), sentence
    )
    assert Replay.objects.count() == before


def test_deleting_a_webhook_deletes_its_deliveries_but_not_the_statistics(tenants, api_client):
    with receiver() as receives:
        webhook = create_webhook_by_rest(api_client, receives.url)
        create_lead(tenants.acme.pk, name="Maya")
        deliver_due()
    assert api_client.delete(f"/api/v1/webhooks/{webhook}").status_code == 200
    assert (Delivery.objects.count(), Attempt.objects.count(), Event.objects.count()) == (0, 0, 1)
    assert DeliveryCount.objects.get(workspace=tenants.acme).deliveries_succeeded == 1


def test_a_delivery_shows_its_newest_100_attempts(api_client, webhooks):
    delivery = webhooks.north_delivery
    Attempt.objects.bulk_create(
        Attempt(workspace_id=delivery.workspace_id, delivery=delivery, number=number, outcome="failed")
        for number in range(1, 121)
    )
    with CaptureQueriesContext(connection) as queries:
        log = api_client.get(f"/api/v1/deliveries/{delivery.pk}").json()["delivery"]["log"]
    assert [entry["number"] for entry in log] == list(range(21, 121))
    assert len([query for query in queries if "apikey" not in query["sql"]]) == 2


def test_calls_during_the_deletion_of_a_webhook_succeed_or_are_404(transactional_db, tenants, api_client_for):
    """Every call of the webhook that races with its deletion either succeeds or gets a client error."""
    api_client, seen = api_client_for(tenants.acme), Counter()

    def at_once(method, path, body):
        try:
            response = (
                getattr(ApiKeyClient(api_client.secret), method)(path, body)
                if body is not None
                else ApiKeyClient(api_client.secret).delete(path)
            )
            seen[response.status_code] += 1
        finally:
            connection.close()

    for _ in range(6):
        webhook = create_webhook_by_rest(api_client)
        create_lead(tenants.acme.pk, name="Maya")
        delivery = Delivery.objects.get(subscription_id=webhook)
        one = f"/api/v1/webhooks/{webhook}"
        calls = [
            *(("delete", one, None), ("delete", one, None), ("patch", one, {"status": "paused"})),
            *(("post", f"{one}/rotate", {}), ("post", f"{one}/promote", {}), ("post", f"{one}/retire", {})),
            ("post", f"/api/v1/deliveries/{delivery.pk}/retry", {}),
            ("post", "/api/v1/deliveries/replay", {"webhookId": webhook, "status": "missing"}),
        ]
        with ThreadPoolExecutor(len(calls)) as threads:
            for call in calls:
                threads.submit(at_once, *call)
        assert not WebhookSubscription.objects.filter(pk=webhook).exists()
    assert sum(seen.values()) == 6 * len(calls)
    assert set(seen) <= {200, 201, 404, 422}, seen
