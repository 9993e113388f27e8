"""Retention: events, deliveries and attempts are kept for 30 days; counts stay, and the feed reports purged events."""

from datetime import timedelta

import time_machine
from django.utils import timezone

from integrations import retention
from integrations.actions.subscriptions import change_webhook, delete_webhook
from integrations.models import Attempt, Delivery, DeliveryCount, Event
from integrations.retention import purge_events
from integrations.webhooks.leases import claim
from integrations.webhooks.results import FinishedAttempt, store_results
from leads.actions import create_lead
from praxtalk.core.http.results import PostResult
from tests.webhooks.conftest import deliver_due
from tests.webhooks.receivers import receiver


def test_events_are_deleted_after_30_days_but_counts_stay(tenants, subscribe, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    now = timezone.now()
    with receiver() as endpoint:
        webhook, _ = subscribe(endpoint.url)
        with time_machine.travel(now - timedelta(days=31), tick=False):
            for number in range(5):
                create_lead(tenants.acme.pk, name=f"Old {number}")
            deliver_due()
        with time_machine.travel(now - timedelta(days=29), tick=False):
            create_lead(tenants.acme.pk, name="Young")
            deliver_due()
    change_webhook(webhook, status="paused")
    with time_machine.travel(now - timedelta(days=31), tick=False):
        create_lead(tenants.acme.pk, name="Held")
    create_lead(tenants.globex.pk, name="Rival")
    assert purge_events() == 6
    assert purge_events() == 0
    assert Event.objects.filter(workspace=tenants.acme).count() == 1
    assert (Delivery.objects.count(), Attempt.objects.count()) == (1, 1)
    assert Event.objects.filter(workspace=tenants.globex).count() == 1
    counts = DeliveryCount.objects.filter(subscription=webhook)
    assert sum(count.deliveries_succeeded for count in counts) == 6
    assert sum(count.attempts_succeeded for count in counts) == 6
    assert sum(count.deliveries_expired for count in counts) == 1
    delete_webhook(webhook)
    assert sum(count.deliveries_succeeded for count in DeliveryCount.objects.filter(workspace=tenants.acme)) == 6


def test_feed_reports_purged_events(tenants, api_client, api_client_for):
    feed = lambda client, cursor="": client.get(f"/api/v1/events?limit=2{cursor and '&after=' + cursor}")  # noqa: E731
    with time_machine.travel(timezone.now() - timedelta(days=31), tick=False):
        for number in range(3):
            create_lead(tenants.acme.pk, name=f"Old {number}", brand=tenants.north)
    begun = feed(api_client).json()["nextCursor"]
    at_the_end = feed(api_client, begun).json()["nextCursor"]
    with time_machine.travel(timezone.now() - timedelta(days=30, minutes=1), tick=False):
        create_lead(tenants.acme.pk, name="Unread")  # never read, so it has no number yet
    create_lead(tenants.acme.pk, name="New", brand=tenants.north)
    assert purge_events() == 4
    for cursor in (begun, at_the_end):
        gone = feed(api_client, cursor)
        assert (gone.status_code, gone["X-Error-Code"]) == (410, "forgotten")
        assert "30 days" in gone.json()["error"]
    anew = feed(api_client).json()
    assert [event["data"]["lead"]["name"] for event in anew["events"]] == ["New"]
    assert feed(api_client, anew["nextCursor"]).json()["events"] == []
    limited = api_client_for(tenants.acme, "read", brand=tenants.north)
    assert len(feed(limited).json()["events"]) == 1
    rival = api_client_for(tenants.globex, "read")
    assert feed(rival).status_code == 200


def test_cursor_at_the_end_stays_valid_after_a_purge(tenants, api_client, api_client_for):
    """Covers a brand without events, and a feed that was still empty."""
    limited = api_client_for(tenants.acme, "read", brand=tenants.south)
    read = lambda client, cursor="": client.get(f"/api/v1/events{cursor and '?after=' + cursor}")  # noqa: E731
    empty = read(api_client).json()["nextCursor"]
    with time_machine.travel(timezone.now() - timedelta(days=31), tick=False):
        create_lead(tenants.acme.pk, name="Other brand", brand=tenants.north)
        read(api_client)
    quiet = read(limited).json()["nextCursor"]
    purge_events()
    assert read(limited, quiet).status_code == 200
    assert read(api_client, empty).status_code == 410  # an event in between has been purged
    create_lead(tenants.acme.pk, name="South", brand=tenants.south)
    assert len(read(limited, quiet).json()["events"]) == 1


def test_purge_during_a_delivery_causes_no_error(tenants, subscribe):
    with receiver() as endpoint:
        subscribe(endpoint.url)
        with time_machine.travel(timezone.now() - timedelta(days=31), tick=False):
            create_lead(tenants.acme.pk, name="Old")

            (claimed,) = claim(1)
        assert purge_events() == 1
        assert store_results([FinishedAttempt(claimed, PostResult(200, 5))]) == set()
