"""An event exists if and only if the change was committed, and is delivered to its subscribers."""

import json
import threading

import pytest
import redis
from django.conf import settings as django_settings
from django.db import connection, transaction

from conversations.actions import send_message, set_status, start_conversation
from conversations.models import Channel, Message, Visitor
from integrations.actions.subscriptions import change_webhook
from integrations.models import Delivery, Event, EventName, WebhookSubscription
from integrations.webhooks.outbox import WEBHOOKS_DUE, record_event
from leads.actions import create_lead, update_lead
from praxtalk.core.live.topics import channel_of
from tests.conftest import make_conversation

URL = "http://127.0.0.1:9999/hook"


def event_bodies(workspace):
    return [json.loads(bytes(event.body)) for event in Event.objects.filter(workspace=workspace).order_by("sequence")]


def test_five_events_have_the_documented_bodies(tenants, api_client):
    visitor = Visitor.objects.create(workspace=tenants.acme, brand=tenants.north, name="Maya")
    conversation = start_conversation(visitor, body="Hello?", channel=Channel.WIDGET)
    set_status(conversation, status="resolved")
    lead = create_lead(tenants.acme.pk, name="Maya", brand=tenants.north)
    update_lead(lead, status="won")
    created, message, status, lead_created, lead_status = event_bodies(tenants.acme)
    for body in (created, message, status, lead_created, lead_status):
        assert set(body) == {"id", "type", "createdAt", "workspaceId", "brandId", "data"}
        assert (body["workspaceId"], body["brandId"]) == (str(tenants.acme.pk), str(tenants.north.pk))
    assert (created["type"], set(created["data"])) == ("conversation.created", {"conversation"})
    assert (message["type"], set(message["data"])) == ("message.created", {"message", "conversation"})
    assert (status["type"], status["data"]["previousStatus"]) == ("conversation.status_changed", "open")
    assert (lead_created["type"], set(lead_created["data"])) == ("lead.created", {"lead"})
    assert (lead_status["type"], lead_status["data"]["previousStatus"]) == ("lead.status_changed", "new")
    in_rest = api_client.get("/api/v1/conversations").json()["conversations"][0]
    assert status["data"]["conversation"] == in_rest
    assert lead_status["data"]["lead"] == api_client.get("/api/v1/leads").json()["leads"][0]
    thread = api_client.get(f"/api/v1/messages?conversationId={conversation.pk}").json()["messages"]
    assert [message["data"]["message"]] == thread


def test_recording_an_event_outside_a_transaction_is_refused(transactional_db, tenants):
    with pytest.raises(transaction.TransactionManagementError):
        record_event(EventName.LEAD_CREATED, workspace_id=tenants.acme.pk, brand_id=None, data={})
    with transaction.atomic():
        record_event(EventName.LEAD_CREATED, workspace_id=tenants.acme.pk, brand_id=None, data={})
    assert Event.objects.count() == 1


def test_rolled_back_change_leaves_no_event_and_publishes_nothing(transactional_db, tenants, subscribe):
    subscribe(URL)
    with redis.Redis.from_url(django_settings.REDIS_URL) as client, client.pubsub() as pubsub:
        pubsub.subscribe(channel_of(WEBHOOKS_DUE))
        pubsub.get_message(timeout=1)
        with pytest.raises(RuntimeError), transaction.atomic():
            create_lead(tenants.acme.pk, name="Maya")
            raise RuntimeError
        assert (Event.objects.count(), Delivery.objects.count()) == (0, 0)
        assert pubsub.get_message(timeout=0.3) is None
        create_lead(tenants.acme.pk, name="Maya")
        assert (Event.objects.count(), Delivery.objects.count()) == (1, 1)
        assert pubsub.get_message(timeout=1)["channel"] == channel_of(WEBHOOKS_DUE).encode()


def test_subscriptions_receive_only_matching_events(tenants, subscribe):
    everything, _ = subscribe(URL)
    leads_only, _ = subscribe(URL, events=[EventName.LEAD_CREATED])
    north_only, _ = subscribe(URL, brand=tenants.north)
    paused, _ = subscribe(URL)
    change_webhook(paused, status="paused", holds_events=False)
    subscribe(URL, workspace=tenants.globex)

    def receivers_of(change):
        before = set(Delivery.objects.values_list("pk", flat=True))
        change()
        return set(Delivery.objects.exclude(pk__in=before).values_list("subscription_id", flat=True))

    assert receivers_of(lambda: create_lead(tenants.acme.pk, name="x", brand=tenants.north)) == {
        everything.pk,
        leads_only.pk,
        north_only.pk,
    }
    assert receivers_of(lambda: create_lead(tenants.acme.pk, name="x", brand=tenants.south)) == {
        everything.pk,
        leads_only.pk,
    }
    assert receivers_of(lambda: create_lead(tenants.acme.pk, name="x")) == {everything.pk, leads_only.pk}
    assert receivers_of(lambda: make_conversation(tenants.north)) == {everything.pk, north_only.pk}


def test_concurrent_deletion_of_a_subscription_does_not_fail_the_commit(transactional_db, tenants, subscribe):
    subscription, _ = subscribe(URL)
    recorded, deleted = threading.Event(), threading.Event()

    def delete():
        recorded.wait(5)
        try:
            with transaction.atomic():
                WebhookSubscription.objects.select_for_update().get(pk=subscription.pk).delete()
        finally:
            deleted.set()
            connection.close()

    other = threading.Thread(target=delete)
    other.start()
    with transaction.atomic():
        create_lead(tenants.acme.pk, name="Maya")
        recorded.set()
        assert not deleted.wait(0.5)  # the deletion waits for this commit
    other.join(5)
    assert Event.objects.count() == 1
    assert (WebhookSubscription.objects.count(), Delivery.objects.count()) == (0, 0)


def test_failed_publication_does_not_fail_the_change(transactional_db, tenants, subscribe, monkeypatch):
    def gone(*args):
        raise redis.ConnectionError("refused")

    subscribe(URL)
    monkeypatch.setattr("redis.Redis.publish", gone)
    conversation = make_conversation(tenants.north)
    send_message(conversation, role=Message.Role.OPERATOR, body="Hi", channel=Channel.API)
    assert Delivery.objects.count() == 3
