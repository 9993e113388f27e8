"""/metrics: pending webhook deliveries and the outcomes of attempts, for authorised readers."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from integrations.actions.subscriptions import change_webhook, delete_webhook
from integrations.models import Delivery
from integrations.webhooks.leases import apply_pauses, claim, release_expired
from integrations.webhooks.results import FinishedAttempt, store_results
from leads.actions import create_lead
from praxtalk.core.http.results import PostResult


def read_metrics(client, **headers):
    response = client.get("/metrics", headers=headers)
    assert response.status_code == 200
    return {
        sample.name + (f".{sample.labels['outcome']}" if sample.labels else ""): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }


def test_metrics_count_pending_deliveries_and_outcomes(tenants, webhooks, client):
    for name in ("one", "two", "three"):
        create_lead(tenants.acme.pk, name=name, brand=tenants.north)
    before = read_metrics(client)
    assert before["praxtalk_webhook_due"] == 6
    assert before["praxtalk_webhook_due_age_seconds"] > 0
    assert before["praxtalk_webhook_in_flight"] == 0
    first, second, third, *_ = claim(6)
    assert read_metrics(client)["praxtalk_webhook_in_flight"] == 6
    store_results([FinishedAttempt(first, PostResult(200, 5)), FinishedAttempt(second, PostResult(500, 5))])
    Delivery.objects.filter(pk=third.delivery_id).update(leased_until="2020-01-01T00:00Z")
    release_expired()
    change_webhook(webhooks.north, status="paused")
    apply_pauses()
    after = read_metrics(client)
    assert after["praxtalk_webhook_attempts_total.succeeded"] == 1
    assert after["praxtalk_webhook_attempts_total.failed"] == 1
    assert after["praxtalk_webhook_attempts_total.interrupted"] == 1
    assert after["praxtalk_webhook_deliveries_total.succeeded"] == 1
    assert after["praxtalk_webhook_in_flight"] == 3
    assert after["praxtalk_webhook_held"] == Delivery.objects.filter(status="held").count()
    for webhook in (webhooks.north, webhooks.south, webhooks.west):
        delete_webhook(webhook)
    assert read_metrics(client)["praxtalk_webhook_attempts_total.succeeded"] == 1  # counters never fall


def test_metrics_require_loopback_or_the_token(db, client, settings):
    assert client.get("/metrics", REMOTE_ADDR="203.0.113.7").status_code == 401
    settings.IS_LOCAL = False
    assert client.get("/metrics").status_code == 401  # behind a proxy, any request may come from loopback
    settings.METRICS_TOKEN = "a-token-of-twenty-characters"
    assert client.get("/metrics").status_code == 401
    for wrong in ("Bearer x", "Bearer ", "Bearer é", "a-token-of-twenty-characters"):
        assert client.get("/metrics", headers={"Authorization": wrong}).status_code == 401, wrong
    assert "praxtalk_webhook_due" in read_metrics(client, Authorization="Bearer a-token-of-twenty-characters")


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_metrics_allow_only_get(db, client, method):
    assert getattr(client, method)("/metrics").status_code == 405
