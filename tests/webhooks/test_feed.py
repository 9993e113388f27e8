"""The event feed: events in commit order, none skipped, with concurrent writers."""

import random
import threading
import time

from django.db import connection, transaction

from integrations.feed import events_after
from integrations.models import Event, EventName
from integrations.webhooks.outbox import record_event

WRITERS = 8
EVENTS_PER_WRITER = 40


def test_feed_is_paginated_with_a_cursor(tenants, api_client):
    with transaction.atomic():
        for _ in range(5):
            record_event(EventName.LEAD_CREATED, workspace_id=tenants.acme.pk, brand_id=None, data={})
    first = api_client.get("/api/v1/events?limit=3").json()
    second = api_client.get(f"/api/v1/events?limit=3&after={first['nextCursor']}").json()
    third = api_client.get(f"/api/v1/events?limit=3&after={second['nextCursor']}").json()
    assert [len(page["events"]) for page in (first, second, third)] == [3, 2, 0]
    assert third["nextCursor"]
    with transaction.atomic():
        event = record_event(EventName.LEAD_CREATED, workspace_id=tenants.acme.pk, brand_id=None, data={})
    later = api_client.get(f"/api/v1/events?after={third['nextCursor']}").json()["events"]
    assert [row["id"] for row in later] == [str(event.pk)]


def test_event_that_commits_late_is_not_skipped(transactional_db, tenants):
    """The first writer gets the lower sequence number but commits last."""
    recorded, may_commit = threading.Event(), threading.Event()

    def slow():
        try:
            with transaction.atomic():
                record_event(EventName.LEAD_CREATED, workspace_id=tenants.acme.pk, brand_id=None, data={"slow": True})
                recorded.set()
                may_commit.wait(5)
        finally:
            connection.close()

    writer = threading.Thread(target=slow)
    writer.start()
    recorded.wait(5)
    with transaction.atomic():
        fast = record_event(EventName.LEAD_CREATED, workspace_id=tenants.acme.pk, brand_id=None, data={})
    seen, last = events_after(tenants.acme.pk, None, number=0, limit=100)
    assert [event.pk for event in seen] == [fast.pk]
    may_commit.set()
    writer.join(5)
    late, _ = events_after(tenants.acme.pk, None, number=last, limit=100)
    assert len(late) == 1
    fast.refresh_from_db()
    assert late[0].sequence < fast.sequence


def test_no_event_is_skipped_with_concurrent_writers_and_readers(transactional_db, tenants):
    """Writers commit after random pauses while readers follow with a cursor. Each reader sees every event once, in
    the same order."""
    writing, seen = threading.Event(), [[] for _ in range(3)]
    writing.set()

    def write():
        try:
            for _ in range(EVENTS_PER_WRITER):
                with transaction.atomic():
                    record_event(EventName.LEAD_CREATED, workspace_id=tenants.acme.pk, brand_id=None, data={})
                    time.sleep(random.random() * 0.01)
        finally:
            connection.close()

    def read(events):
        try:
            while True:
                last_round = not writing.is_set()
                number = events[-1].number if events else None
                page, _ = events_after(tenants.acme.pk, None, number=number, limit=random.randint(1, 100))
                events += page
                if last_round and not page:
                    return
        finally:
            connection.close()

    writers = [threading.Thread(target=write) for _ in range(WRITERS)]
    readers = [threading.Thread(target=read, args=(events,)) for events in seen]
    for thread in [*writers, *readers]:
        thread.start()
    for thread in writers:
        thread.join(60)
    writing.clear()
    for thread in readers:
        thread.join(60)
    assert [len(events) for events in seen] == [WRITERS * EVENTS_PER_WRITER] * 3
    orders = [[event.pk for event in events] for events in seen]
    assert orders[0] == orders[1] == orders[2]
    assert set(orders[0]) == set(Event.objects.values_list("pk", flat=True))
    sequences = [event.sequence for event in seen[0]]
    assert sequences != sorted(sequences), "no event committed out of order; the test proved nothing"


def test_page_of_one_brand_is_not_shortened_by_another_brands_backlog(tenants, api_client_for, monkeypatch):
    monkeypatch.setattr("integrations.feed.NUMBER_BATCH_SIZE", 5)
    with transaction.atomic():
        for brand in [tenants.south] * 12 + [tenants.north] * 3:
            record_event(EventName.LEAD_CREATED, workspace_id=tenants.acme.pk, brand_id=brand.pk, data={})
    limited = api_client_for(tenants.acme, "read", brand=tenants.north)
    assert len(limited.get("/api/v1/events").json()["events"]) == 3


def test_event_numbers_are_per_workspace(tenants):
    for workspace in (tenants.acme, tenants.globex, tenants.acme):
        with transaction.atomic():
            record_event(EventName.LEAD_CREATED, workspace_id=workspace.pk, brand_id=None, data={})
    assert [event.number for event in events_after(tenants.acme.pk, None, number=0, limit=9)[0]] == [1, 2]
    assert [event.number for event in events_after(tenants.globex.pk, None, number=0, limit=9)[0]] == [1]
