"""Webhooks and deliveries over REST: what a CRM developer does in an afternoon."""

import ipaddress
import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.models import Attempt, Delivery, DeliveryCount, Event, EventName, Replay, WebhookSubscription
from integrations.webhooks.replays import advance
from leads.actions import create_lead
from praxtalk.api.models import StoredAnswer
from praxtalk.data.encryption import decrypt
from tests.conftest import make_talk
from tests.webhooks.conftest import deliver_due
from tests.webhooks.receivers import receiver

PUBLIC = "https://93.184.215.14/hook"


@pytest.fixture(autouse=True)
def loopback_is_permitted(settings):
    settings.WEBHOOK_ALLOW_CIDRS = [ipaddress.ip_network("127.0.0.0/8")]


def make(client, url=PUBLIC, events=("lead.created",), **more):
    answer = client.post("/api/v1/webhooks", {"url": url, "events": list(events), **more})
    assert answer.status_code == 201, answer.content
    return answer.json()["webhookId"]


def refused(answer, sentence, code="invalid", status=422):
    assert (answer.status_code, answer["X-Error-Code"]) == (status, code), answer.content
    assert sentence in answer.json()["error"], answer.content
    return True


def test_create_read_change_delete(cast, crm):
    body = {"url": PUBLIC, "events": ["message.created", "lead.created", "lead.created"], "description": " CRM "}
    answer = crm.post("/api/v1/webhooks", body)
    made = answer.json()
    assert answer.status_code == 201
    assert set(made) == {"webhookId", "secret"}
    assert made["secret"].startswith("whsec_")
    shown = crm.get(answer["Location"]).json()["webhook"]
    assert shown == {
        "_id": made["webhookId"],
        "url": PUBLIC,
        "events": ["lead.created", "message.created"],
        "brandId": None,
        "description": "CRM",
        "status": "active",
        "pause": None,
        "failingSince": None,
        "createdAt": shown["createdAt"],
    }
    assert crm.get("/api/v1/webhooks").json() == {"webhooks": [shown]}
    assert made["secret"] not in crm.get("/api/v1/webhooks").content.decode()
    one = f"/api/v1/webhooks/{made['webhookId']}"
    changes = {"url": "http://93.184.215.14:8080/x", "events": ["lead.created"], "description": None}
    assert crm.patch(one, changes).json() == {"ok": True}
    assert crm.patch(one, {"status": "paused", "holdEvents": False}).json() == {"ok": True}
    shown = crm.get(one).json()["webhook"]
    assert (shown["url"], shown["events"], shown["description"]) == (changes["url"], ["lead.created"], None)
    assert shown["pause"] == {"by": "owner", "since": shown["pause"]["since"], "holdEvents": False}
    assert crm.get("/api/v1/webhooks?status=active").json()["webhooks"] == []
    assert crm.patch(one, {"status": "active"}).json() == {"ok": True}
    assert crm.get(one).json()["webhook"]["pause"] is None
    assert crm.delete(one).json() == {"ok": True}
    assert crm.get(one).status_code == 404
    assert crm.delete(one).status_code == 404


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
def test_bad_webhooks(crm, body, sentence):
    assert refused(crm.post("/api/v1/webhooks", body), sentence)
    assert WebhookSubscription.objects.count() == 0


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "Send at least one of"),
        ({"holdEvents": "yes"}, "holdEvents: "),
        ({"holdEvents": 1}, "holdEvents: "),
        ({"status": "stopped"}, "status: "),
        ({"url": "http://192.168.0.1/"}, "url: "),
        ({"brandId": None}, "brandId: "),
        ({"events": []}, "events: "),
    ],
)
def test_bad_changes(crm, body, sentence):
    webhook = make(crm)
    assert refused(crm.patch(f"/api/v1/webhooks/{webhook}", body), sentence)
    assert crm.get(f"/api/v1/webhooks/{webhook}").json()["webhook"]["url"] == PUBLIC


def test_a_repeated_creation_shows_the_same_secret_and_keeps_it_encrypted(crm):
    body = {"url": PUBLIC, "events": ["lead.created"]}
    first, again = (crm.post("/api/v1/webhooks", body, HTTP_IDEMPOTENCY_KEY="k") for _ in range(2))
    assert first.content == again.content
    assert again["Idempotency-Replayed"] == "true"
    assert WebhookSubscription.objects.count() == 1
    stored = StoredAnswer.objects.get().body
    assert first.json()["secret"] not in stored
    assert first.json()["secret"] in decrypt(stored)


def test_rotate_promote_retire(crm):
    one = f"/api/v1/webhooks/{make(crm)}"
    assert refused(crm.post(f"{one}/promote"), "rotate first", "nothing_to_promote")
    new = crm.post(f"{one}/rotate").json()
    assert set(new) == {"secret"}
    assert crm.post(f"{one}/promote").json() == {"ok": True}
    assert crm.post(f"{one}/promote").json() == {"ok": True}
    assert refused(crm.post(f"{one}/rotate"), "retire it first", "old_secret_signs")
    assert crm.post(f"{one}/retire").json() == {"ok": True}
    assert crm.post(f"{one}/rotate").json()["secret"] != new["secret"]
    assert refused(crm.post(f"{one}/rotate", {"now": True}), "now: ")


def test_a_test_says_how_the_receiver_answered(crm):
    with receiver() as good, receiver(status=500) as bad:
        webhook = make(crm, good.url)
        answer = crm.post(f"/api/v1/webhooks/{webhook}/test").json()
        assert answer == {"delivered": True, "statusCode": 200, "durationMs": answer["durationMs"], "error": None}
        (ping,) = good.requests
        assert ping.headers["X-PraxTalk-Event"] == "ping"
        body = json.loads(ping.body)
        assert (body["type"], body["data"], body["id"]) == (
            "ping",
            {"webhookId": webhook},
            ping.headers["X-PraxTalk-Event-Id"],
        )
        answer = crm.post(f"/api/v1/webhooks/{make(crm, bad.url)}/test").json()
        assert (answer["delivered"], answer["statusCode"]) == (False, 500)
    answer = crm.post(f"/api/v1/webhooks/{webhook}/test").json()
    assert (answer["delivered"], answer["statusCode"]) == (False, None)
    assert answer["error"].startswith("No connection")
    assert (Event.objects.count(), Delivery.objects.count()) == (0, 0)  # it is no event, and leaves nothing behind


def test_a_repeated_test_sends_nothing_again(crm):
    with receiver() as good:
        path = f"/api/v1/webhooks/{make(crm, good.url)}/test"
        first, again = (crm.post(path, HTTP_IDEMPOTENCY_KEY="k") for _ in range(2))
        assert (first.content, again["Idempotency-Replayed"], len(good.requests)) == (again.content, "true", 1)


def test_no_transaction_is_open_while_a_test_waits(transactional_db, crm, monkeypatch):
    seen = []

    def look(webhook):
        seen.append(connection.in_atomic_block)
        raise RuntimeError

    webhook = make(crm)
    monkeypatch.setattr("integrations.api.webhooks.ping", look)
    assert crm.post(f"/api/v1/webhooks/{webhook}/test", HTTP_IDEMPOTENCY_KEY="k").status_code == 500
    assert seen == [False]


def test_deliveries_and_their_log(cast, crm):
    with receiver(status=500) as receives:
        webhook, other = make(crm, receives.url), make(crm, receives.url, ["conversation.created"])
        lead = create_lead(cast.acme.pk, name="Maya")
        make_talk(cast.north)
        deliver_due()
        deliveries = crm.get("/api/v1/deliveries").json()["deliveries"]
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
        alone = crm.get(f"/api/v1/deliveries/{one['_id']}").json()["delivery"]
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
        assert crm.post(f"/api/v1/deliveries/{one['_id']}/retry").json() == {"ok": True}
        deliver_due()
        alone = crm.get(f"/api/v1/deliveries/{one['_id']}").json()["delivery"]
        assert (alone["status"], alone["attempts"], alone["nextAttemptAt"]) == ("succeeded", 1, None)
        assert [(log["number"], log["trigger"], log["outcome"]) for log in alone["log"]] == [
            (1, "schedule", "failed"),
            (2, "manual", "succeeded"),
        ]


def test_filters_of_deliveries(cast, crm, hooks):
    Delivery.objects.filter(pk=hooks.south_delivery.pk).update(status="failed")
    ids = lambda query: [each["_id"] for each in crm.get(f"/api/v1/deliveries?{query}").json()["deliveries"]]  # noqa: E731
    north, south = str(hooks.north_delivery.pk), str(hooks.south_delivery.pk)
    assert ids("") == [south, north]
    assert ids(f"webhookId={hooks.north.pk}") == [north]
    assert ids("status=failed") == [south]
    assert ids("status=held") == []
    assert ids("type=lead.created") == [south, north]
    assert ids("type=message.created") == []
    assert ids(f"status=pending&type=lead.created&webhookId={hooks.north.pk}") == [north]
    assert refused(crm.get("/api/v1/deliveries?status=done"), "status: ")
    assert refused(crm.get("/api/v1/deliveries?type=ping"), "type: ")
    assert refused(crm.get("/api/v1/deliveries?webhook=x"), "webhook: ")
    assert crm.get("/api/v1/deliveries?webhookId=x").status_code == 404
    page = crm.get("/api/v1/deliveries?limit=1").json()
    assert ids(f"limit=1&cursor={page['nextCursor']}") == [north]


def test_nothing_is_sent_again_to_a_paused_webhook(crm, hooks):
    crm.patch(f"/api/v1/webhooks/{hooks.north.pk}", {"status": "paused"})
    retry = f"/api/v1/deliveries/{hooks.north_delivery.pk}/retry"
    assert refused(crm.post(retry), "make it active first", "webhook_paused")
    crm.patch(f"/api/v1/webhooks/{hooks.north.pk}", {"status": "active"})
    assert crm.post(retry).json() == {"ok": True}


def test_a_replay_shows_its_progress(crm, hooks):
    Delivery.objects.update(status="failed")
    answer = crm.post("/api/v1/deliveries/replay", {"webhookId": str(hooks.north.pk)})
    assert answer.status_code == 201
    assert answer["Location"] == f"/api/v1/replays/{answer.json()['replayId']}"
    assert crm.get(answer["Location"]).json() == {"total": 1, "done": 0, "status": "running"}
    while advance():
        pass
    assert crm.get(answer["Location"]).json() == {"total": 1, "done": 1, "status": "done"}
    assert set(Delivery.objects.filter(status="pending").values_list("pk", flat=True)) == {hooks.north_delivery.pk}


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
    ],
)
def test_bad_replays(crm, hooks, more, sentence):
    before = Replay.objects.count()
    assert refused(crm.post("/api/v1/deliveries/replay", {"webhookId": str(hooks.north.pk), **more}), sentence)
    assert Replay.objects.count() == before


def test_a_deleted_webhook_takes_its_deliveries_and_leaves_its_counts(cast, crm):
    with receiver() as receives:
        webhook = make(crm, receives.url)
        create_lead(cast.acme.pk, name="Maya")
        deliver_due()
    assert crm.delete(f"/api/v1/webhooks/{webhook}").status_code == 200
    assert (Delivery.objects.count(), Attempt.objects.count(), Event.objects.count()) == (0, 0, 1)
    assert DeliveryCount.objects.get(workspace=cast.acme).deliveries_succeeded == 1


def test_a_log_with_many_attempts_shows_the_newest(crm, hooks):
    delivery = hooks.north_delivery
    Attempt.objects.bulk_create(
        Attempt(workspace_id=delivery.workspace_id, delivery=delivery, number=number, outcome="failed")
        for number in range(1, 121)
    )
    with CaptureQueriesContext(connection) as queries:
        log = crm.get(f"/api/v1/deliveries/{delivery.pk}").json()["delivery"]["log"]
    assert [entry["number"] for entry in log] == list(range(21, 121))
    assert len([query for query in queries if "apikey" not in query["sql"]]) == 2
