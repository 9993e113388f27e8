"""Scheduling: Retry-After within bounds, and fairness between webhooks."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import time_machine
from django.utils import timezone

from integrations.models import Delivery, DeliveryCount, WebhookSubscription
from integrations.webhooks.delivery import MAX_IN_FLIGHT, MAX_IN_FLIGHT_FAILING
from integrations.webhooks.dispatcher import MAX_CONNECTIONS, allocate_slots
from integrations.webhooks.leases import claim
from integrations.webhooks.results import FinishedAttempt, store_results
from leads.actions import create_lead
from praxtalk.core.http.results import PostResult
from praxtalk.core.http.transport import _retry_after_seconds
from tests.conftest import make_conversation
from tests.webhooks.conftest import deliver_due
from tests.webhooks.receivers import receiver

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("9" * 400, 10**7),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(hours=1), usegmt=True), 0.0),
        *((bad, None) for bad in ("", "-5", "1.5", "soon", "١٢", "Sun, 99 Nov 2026 12:00:00 GMT")),
    ],
)
def test_retry_after_header_is_parsed(text, seconds):
    with time_machine.travel(NOW, tick=False):
        assert _retry_after_seconds(text) == seconds


MINUTES = 60
BOUNDS = [  # status, Retry-After, previous failed attempts, minimum seconds, maximum seconds
    (429, "60", 0, 60, 60),
    (503, "60", 0, 60, 60),
    (503, "1", 0, 30, 31.5),  # never earlier than the scheduled delay
    (429, "86400", 0, 15 * MINUTES, 15 * MINUTES),  # never later than 15 minutes or twice the scheduled delay
    (429, "86400", 3, 120 * MINUTES, 120 * MINUTES),
    (503, "nonsense", 0, 30, 31.5),
    (500, "600", 0, 30, 31.5),  # Retry-After is honoured only for 429 and 503
    (429, None, 0, 30, 31.5),
]


@pytest.mark.parametrize(("status", "retry_after", "failures", "least", "most"), BOUNDS)
def test_retry_after_delays_the_next_attempt_within_bounds(
    tenants, subscribe, status, retry_after, failures, least, most
):
    headers = {"Retry-After": retry_after} if retry_after else {}
    with receiver(status=status, headers=headers) as endpoint, time_machine.travel(timezone.now(), tick=False):
        subscribe(endpoint.url)
        create_lead(tenants.acme.pk, name="Maya")
        Delivery.objects.update(attempts_made=failures)
        deliver_due()
        pause = (Delivery.objects.get().next_attempt_at - timezone.now()).total_seconds()
    assert least <= pause <= most


def leads(workspace, count):
    for number in range(count):
        create_lead(workspace.pk, name=f"Lead {number}")


def test_each_webhook_is_served_once_before_any_is_served_twice(tenants, subscribe):
    for number in range(6):
        subscribe(f"http://127.0.0.1:9999/{number}")
    leads(tenants.acme, 4)
    first, second = claim(6), claim(7)
    assert len({one.url for one in first}) == 6
    assert len({one.url for one in second}) == 6
    assert len(claim(100)) == 6 * 4 - 6 - 7


def test_longest_waiting_delivery_is_claimed_first(tenants, subscribe):
    subscribe("http://127.0.0.1:9999/")
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for name in "abc":
            clock.shift(1)
            create_lead(tenants.acme.pk, name=name)
        (one,) = claim(1)
    assert b'"name":"a"' in one.body


def test_failing_webhook_gets_fewer_slots_until_it_succeeds(tenants, subscribe):
    subscribe("http://127.0.0.1:9999/")
    leads(tenants.acme, 20)
    (one,) = claim(1)
    store_results([FinishedAttempt(one, PostResult(None, 5, error="refused"))])
    assert WebhookSubscription.objects.get().failing_since
    failing = claim(100)
    assert len(failing) == MAX_IN_FLIGHT_FAILING
    store_results([FinishedAttempt(failing[0], PostResult(200, 5))])
    assert WebhookSubscription.objects.get().failing_since is None
    assert len(claim(100)) == MAX_IN_FLIGHT - 1


def test_batch_of_results_is_stored_in_one_commit_and_counted(tenants, subscribe, django_assert_max_num_queries):
    subscribe("http://127.0.0.1:9999/good")
    subscribe("http://127.0.0.1:9999/bad")
    leads(tenants.acme, 8)
    claimed = claim(100)
    results = {"good": PostResult(204, 5, address="10.0.0.1"), "bad": PostResult(500, 7, body="broken\ufffd")}
    batch = [FinishedAttempt(one, results[one.url.rsplit("/", 1)[1]]) for one in claimed]
    lost, batch = batch[0], batch[1:]
    Delivery.objects.filter(pk=lost.claimed.delivery_id).update(lease=None, leased_until=None)
    with django_assert_max_num_queries(8):
        stored = store_results([lost, *batch])
    assert stored == {each.claimed.delivery_id for each in batch}  # an attempt that lost its lease is ignored
    counts = DeliveryCount.objects.order_by("attempts_failed").values_list("attempts_succeeded", "attempts_failed")
    assert sorted(map(sum, counts)) == [7, 8]
    assert Delivery.objects.filter(status="succeeded").count() == sum(good for good, _ in counts)
    store_results(batch)  # repeated: the leases are gone
    assert sorted(map(sum, counts.all())) == [7, 8]


def test_hanging_receivers_leave_slots_for_idle_webhooks(tenants, subscribe):
    """Ninety webhooks, the maximum of a workspace, have more due deliveries than there are slots."""
    for number in range(90):
        subscribe(f"http://127.0.0.1:9999/{number}", events=["lead.created"])
    leads(tenants.acme, 9)
    in_flight = []
    while claimed := claim(*allocate_slots(MAX_CONNECTIONS - len(in_flight))):
        in_flight += claimed
    assert len(in_flight) == MAX_CONNECTIONS // 2
    subscribe("http://127.0.0.1:9999/good", events=["conversation.created"])
    make_conversation(tenants.north)
    (good,) = claim(*allocate_slots(MAX_CONNECTIONS - len(in_flight)))
    assert good.url.endswith("good")


def test_slots_are_allocated_until_all_are_used(tenants, subscribe):
    assert [allocate_slots(room) for room in (512, 300, 256, 200, 128, 1)] == [
        *((256, 8), (44, 8)),
        *((128, 2), (72, 2)),
        *((128, 1), (1, 1)),
    ]
