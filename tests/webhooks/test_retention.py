"""Retention: events, deliveries and attempts are kept for 30 days; counts stay, and the feed reports purged events."""

from datetime import timedelta

import time_machine
from django.utils import timezone

from integrations import retention
from integrations.actions.subscriptions import change_webhook, delete_webhook
from integrations.models import Attempt, Delivery, DeliveryCount, Event
from integrations.retention import purge_events
from integrations.webhooks.leases import claim
from integrations.webhooks.results import FinishedAttempt, settle
from leads.actions import create_lead
from praxtalk.core.http.transport import PostResult
from tests.webhooks.conftest import deliver_due
from tests.webhooks.receivers import receiver


def test_events_are_deleted_after_30_days_but_counts_stay(cast, subscribe, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    now = timezone.now()
    with receiver() as crm:
        webhook, _ = subscribe(crm.url)
        with time_machine.travel(now - timedelta(days=31), tick=False):
            for number in range(5):
                create_lead(cast.acme.pk, name=f"Old {number}")
            deliver_due()
        with time_machine.travel(now - timedelta(days=29), tick=False):
            create_lead(cast.acme.pk, name="Young")
            deliver_due()
    change_webhook(webhook, status="paused")
    with time_machine.travel(now - timedelta(days=31), tick=False):
        create_lead(cast.acme.pk, name="Held")
    create_lead(cast.globex.pk, name="Rival")
    assert purge_events() == 6
    assert purge_events() == 0
    assert Event.objects.filter(workspace=cast.acme).count() == 1
    assert (Delivery.objects.count(), Attempt.objects.count()) == (1, 1)
    assert Event.objects.filter(workspace=cast.globex).count() == 1
    counts = DeliveryCount.objects.filter(subscription=webhook)
    assert sum(count.deliveries_succeeded for count in counts) == 6
    assert sum(count.attempts_succeeded for count in counts) == 6
    assert sum(count.deliveries_expired for count in counts) == 1
    delete_webhook(webhook)
    assert sum(count.deliveries_succeeded for count in DeliveryCount.objects.filter(workspace=cast.acme)) == 6


def test_feed_reports_purged_events(cast, crm, caller):
    feed = lambda client, cursor="": client.get(f"/api/v1/events?limit=2{cursor and '&after=' + cursor}")  # noqa: E731
    with time_machine.travel(timezone.now() - timedelta(days=31), tick=False):
        for number in range(3):
            create_lead(cast.acme.pk, name=f"Old {number}", brand=cast.north)
    begun = feed(crm).json()["nextCursor"]
    at_the_end = feed(crm, begun).json()["nextCursor"]
    with time_machine.travel(timezone.now() - timedelta(days=30, minutes=1), tick=False):
        create_lead(cast.acme.pk, name="Unread")  # never read, so it has no number yet
    create_lead(cast.acme.pk, name="New", brand=cast.north)
    assert purge_events() == 4
    for cursor in (begun, at_the_end):
        gone = feed(crm, cursor)
        assert (gone.status_code, gone["X-Error-Code"]) == (410, "forgotten")
        assert "30 days" in gone.json()["error"]
    anew = feed(crm).json()
    assert [event["data"]["lead"]["name"] for event in anew["events"]] == ["New"]
    assert feed(crm, anew["nextCursor"]).json()["events"] == []
    limited = caller(cast.acme, "read", brand=cast.north)
    assert len(feed(limited).json()["events"]) == 1
    rival = caller(cast.globex, "read")
    assert feed(rival).status_code == 200


def test_cursor_at_the_end_stays_valid_after_a_purge(cast, crm, caller):
    """Covers a brand without events, and a feed that was still empty."""
    limited = caller(cast.acme, "read", brand=cast.south)
    read = lambda client, cursor="": client.get(f"/api/v1/events{cursor and '?after=' + cursor}")  # noqa: E731
    empty = read(crm).json()["nextCursor"]
    with time_machine.travel(timezone.now() - timedelta(days=31), tick=False):
        create_lead(cast.acme.pk, name="Other brand", brand=cast.north)
        read(crm)
    quiet = read(limited).json()["nextCursor"]
    purge_events()
    assert read(limited, quiet).status_code == 200
    assert read(crm, empty).status_code == 410  # an event in between has been purged
    create_lead(cast.acme.pk, name="South", brand=cast.south)
    assert len(read(limited, quiet).json()["events"]) == 1


def test_purge_during_a_delivery_causes_no_error(cast, subscribe):
    with receiver() as crm:
        subscribe(crm.url)
        with time_machine.travel(timezone.now() - timedelta(days=31), tick=False):
            create_lead(cast.acme.pk, name="Old")

            (claimed,) = claim(1)
        assert purge_events() == 1
        assert settle([FinishedAttempt(claimed, PostResult(200, 5))]) == set()
