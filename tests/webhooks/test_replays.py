"""Retrying a single delivery, and replaying a whole outage."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from integrations.actions import replays
from integrations.actions.replays import WebhookPaused, advance, retry, start_replay
from integrations.actions.subscriptions import change_webhook
from integrations.models import Attempt, Delivery, EventName, Replay
from integrations.webhooks.delivery import MAX_ATTEMPTS, RETRY_DELAYS
from integrations.webhooks.leases import claim
from leads.actions import create_lead
from tests.conftest import make_conversation
from tests.webhooks.conftest import deliver_due
from tests.webhooks.receivers import receiver


@pytest.fixture
def clock():
    with time_machine.travel(timezone.now(), tick=False) as moving:
        yield moving


def attempt_all(clock):
    """Make attempts until no delivery is pending."""
    while Delivery.objects.filter(status="pending").exists():
        while deliver_due():
            pass
        clock.shift(timedelta(hours=7))


def test_retried_failed_delivery_starts_a_new_schedule(tenants, subscribe, clock):
    with receiver(status=500) as endpoint:
        subscribe(endpoint.url)
        create_lead(tenants.acme.pk, name="Maya")
        attempt_all(clock)
        delivery = Delivery.objects.get()
        assert (delivery.status, delivery.attempts_made) == ("failed", MAX_ATTEMPTS)
        retry(delivery)
        deliver_due()
        delivery.refresh_from_db()
        assert (delivery.status, delivery.attempts_made) == ("pending", 1)
        assert RETRY_DELAYS[0] <= delivery.next_attempt_at - timezone.now() <= RETRY_DELAYS[0] * 1.05
        endpoint.status = 200
        clock.shift(timedelta(minutes=1))
        deliver_due()
    delivery.refresh_from_db()
    assert delivery.status == "succeeded"
    log = list(Attempt.objects.order_by("number").values_list("number", "trigger", "outcome"))
    assert log[:6] == [(number, "schedule", "failed") for number in range(1, 7)]  # the history is kept
    assert log[6:] == [(7, "manual", "failed"), (8, "schedule", "succeeded")]
    assert [request.headers["X-PraxTalk-Attempt"] for request in endpoint.requests] == list("12345678")
    assert len({request.headers["X-PraxTalk-Delivery"] for request in endpoint.requests}) == 1


def test_manual_retry_of_a_pending_delivery_uses_up_no_scheduled_attempt(tenants, subscribe, clock):
    with receiver(status=500) as endpoint:
        subscribe(endpoint.url)
        create_lead(tenants.acme.pk, name="Maya")
        deliver_due()
        for _ in range(10):
            retry(Delivery.objects.get())
            deliver_due()
        delivery = Delivery.objects.get()
        assert (delivery.status, delivery.attempts_made, len(endpoint.requests)) == ("pending", 1, 11)
        assert delivery.next_attempt_at - timezone.now() >= RETRY_DELAYS[0]
        attempt_all(clock)
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts_made) == ("failed", MAX_ATTEMPTS)
    assert Attempt.objects.filter(trigger="schedule", outcome="failed").count() == MAX_ATTEMPTS


def test_retry_does_not_affect_a_delivery_in_flight(tenants, subscribe):
    subscribe("http://127.0.0.1:9999/")
    create_lead(tenants.acme.pk, name="Maya")
    (claimed,) = claim(10)
    retry(Delivery.objects.get())
    assert Delivery.objects.get().lease == claimed.lease
    assert claim(10) == []


def test_retry_to_a_paused_webhook_is_refused(tenants, subscribe):
    webhook, _ = subscribe("http://127.0.0.1:9999/")
    create_lead(tenants.acme.pk, name="Maya")
    change_webhook(webhook, status="paused")
    with pytest.raises(WebhookPaused):
        retry(Delivery.objects.get())
    change_webhook(webhook, status="active")
    retry(Delivery.objects.get())


def test_outage_is_replayed(tenants, subscribe, clock, monkeypatch):
    monkeypatch.setattr(replays, "BATCH_SIZE", 3)
    with receiver(status=500) as endpoint, receiver() as other:
        webhook, _ = subscribe(endpoint.url)
        subscribe(other.url)
        for number in range(7):
            create_lead(tenants.acme.pk, name=f"Lead {number}")
        attempt_all(clock)
        endpoint.requests.clear()
        other.requests.clear()
        endpoint.status = 200
        replay = start_replay(webhook, what=Replay.Selection.FAILED)
        assert (replay.total, replay.done, replay.status) == (7, 0, "running")
        seen = []
        while advance():
            replay.refresh_from_db()
            seen.append(replay.done)
        assert seen == [3, 6, 7]
        assert replay.status == "done"
        while deliver_due():
            pass
    assert len({request.headers["X-PraxTalk-Event-Id"] for request in endpoint.requests}) == len(endpoint.requests) == 7
    assert other.requests == []
    assert set(Delivery.objects.values_list("status", flat=True)) == {"succeeded"}


def test_replay_continues_after_a_crash_of_the_dispatcher(transactional_db, tenants, subscribe, clock, monkeypatch):
    monkeypatch.setattr(replays, "BATCH_SIZE", 2)
    webhook, _ = subscribe("http://127.0.0.1:9999/")
    for number in range(5):
        create_lead(tenants.acme.pk, name=f"Lead {number}")
    Delivery.objects.update(status="failed")
    replay = start_replay(webhook, what=Replay.Selection.FAILED)
    assert advance()

    def die(*args, **kwargs):
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(Replay, "save", die)
        with pytest.raises(RuntimeError):
            advance()
    assert Delivery.objects.filter(status="pending").count() == 2  # the failed step was rolled back
    while advance():
        pass
    replay.refresh_from_db()
    assert (replay.done, replay.status, Delivery.objects.filter(status="pending").count()) == (5, "done", 5)


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"what": "failed"}, {"old", "new", "talk"}),
        ({"what": "failed", "event_name": EventName.LEAD_CREATED}, {"old", "new"}),
        ({"what": "failed", "since": "middle"}, {"new", "talk"}),
        ({"what": "failed", "until": "middle"}, {"old"}),
        ({"what": "succeeded"}, {"done"}),
    ],
)
def test_replay_filters_select_deliveries(tenants, subscribe, clock, filters, names):
    webhook, _ = subscribe("http://127.0.0.1:9999/", events=[EventName.LEAD_CREATED, EventName.CONVERSATION_CREATED])
    create_lead(tenants.acme.pk, name="old")
    clock.shift(timedelta(minutes=1))
    middle = timezone.now()
    clock.shift(timedelta(minutes=1))
    create_lead(tenants.acme.pk, name="new")
    make_conversation(tenants.north, name="talk")
    Delivery.objects.update(status="failed")
    create_lead(tenants.acme.pk, name="done")
    Delivery.objects.exclude(status="failed").update(status="succeeded")
    clock.shift(timedelta(minutes=1))
    start_replay(webhook, **{key: middle if value == "middle" else value for key, value in filters.items()})
    while advance():
        pass
    again = [bytes(delivery.event.body).decode() for delivery in Delivery.objects.filter(status="pending")]
    assert {
        name for name in ("old", "new", "talk", "done") if any(f'"name":"{name}"' in body for body in again)
    } == names


def test_replay_of_missing_events_fills_a_new_webhook(tenants, subscribe, clock):
    make_conversation(tenants.north)
    for brand in (tenants.north, tenants.south):
        create_lead(tenants.acme.pk, name=brand.name, brand=brand)
    create_lead(tenants.globex.pk, name="rival")
    clock.shift(timedelta(minutes=1))
    with receiver() as endpoint:
        webhook, _ = subscribe(endpoint.url, events=[EventName.LEAD_CREATED], brand=tenants.north)
        create_lead(tenants.acme.pk, name="Later", brand=tenants.north)
        replay = start_replay(webhook, what=Replay.Selection.MISSING)
        assert replay.total == 1
        while advance():
            pass
        deliver_due()
        assert start_replay(webhook, what=Replay.Selection.MISSING).status == "done"  # no event is missing now
    names = sorted(request.body.split(b'"name":"')[1].split(b'"')[0] for request in endpoint.requests)
    assert names == [b"Later", b"North"]
