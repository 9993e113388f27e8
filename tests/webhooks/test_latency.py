"""When the next attempt is: what a busy receiver asks for, within bounds; and whose turn it is."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import time_machine
from django.utils import timezone

from integrations.models import Delivery, DeliveryCount, WebhookSubscription
from integrations.webhooks.delivery import MAX_IN_FLIGHT, MAX_IN_FLIGHT_FAILING
from integrations.webhooks.dispatcher import MAX_AT_ONCE, share
from integrations.webhooks.leases import claim
from integrations.webhooks.results import Attempted, settle
from leads.actions import create_lead
from praxtalk.core.http.transport import Answer, _seconds
from tests.conftest import make_talk
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
def test_retry_after_is_read(text, seconds):
    with time_machine.travel(NOW, tick=False):
        assert _seconds(text) == seconds


MINUTES = 60
BOUNDS = [  # status, Retry-After, failed attempts so far, seconds at least, seconds at most
    (429, "60", 0, 60, 60),
    (503, "60", 0, 60, 60),
    (503, "1", 0, 30, 31.5),  # never sooner than the step
    (429, "86400", 0, 15 * MINUTES, 15 * MINUTES),  # never later than this, or twice the step
    (429, "86400", 3, 120 * MINUTES, 120 * MINUTES),
    (503, "nonsense", 0, 30, 31.5),
    (500, "600", 0, 30, 31.5),  # only those two ask to wait
    (429, None, 0, 30, 31.5),
]


@pytest.mark.parametrize(("status", "retry_after", "failures", "least", "most"), BOUNDS)
def test_a_busy_receiver_is_given_time(cast, subscribe, status, retry_after, failures, least, most):
    headers = {"Retry-After": retry_after} if retry_after else {}
    with receiver(status=status, headers=headers) as crm, time_machine.travel(timezone.now(), tick=False):
        subscribe(crm.url)
        create_lead(cast.acme.pk, name="Maya")
        Delivery.objects.update(attempts_made=failures)
        deliver_due()
        pause = (Delivery.objects.get().next_attempt_at - timezone.now()).total_seconds()
    assert least <= pause <= most


def leads(workspace, count):
    for number in range(count):
        create_lead(workspace.pk, name=f"Lead {number}")


def test_everybody_comes_before_anybodys_second(cast, subscribe):
    for number in range(6):
        subscribe(f"http://127.0.0.1:9999/{number}")
    leads(cast.acme, 4)
    first, second = claim(6), claim(7)
    assert len({one.url for one in first}) == 6
    assert len({one.url for one in second}) == 6
    assert len(claim(100)) == 6 * 4 - 6 - 7


def test_the_longest_waiting_comes_first(cast, subscribe):
    subscribe("http://127.0.0.1:9999/")
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for name in "abc":
            clock.shift(1)
            create_lead(cast.acme.pk, name=name)
        (one,) = claim(1)
    assert b'"name":"a"' in one.body


def test_one_that_fails_holds_fewer_places_until_it_succeeds(cast, subscribe):
    subscribe("http://127.0.0.1:9999/")
    leads(cast.acme, 20)
    (one,) = claim(1)
    settle([Attempted(one, Answer(None, 5, error="refused"))])
    assert WebhookSubscription.objects.get().failing_since
    failing = claim(100)
    assert len(failing) == MAX_IN_FLIGHT_FAILING
    settle([Attempted(failing[0], Answer(200, 5))])
    assert WebhookSubscription.objects.get().failing_since is None
    assert len(claim(100)) == MAX_IN_FLIGHT - 1


def test_a_batch_is_settled_in_one_commit_and_counted(cast, subscribe, django_assert_max_num_queries):
    subscribe("http://127.0.0.1:9999/good")
    subscribe("http://127.0.0.1:9999/bad")
    leads(cast.acme, 8)
    claimed = claim(100)
    answers = {"good": Answer(204, 5, address="10.0.0.1"), "bad": Answer(500, 7, body="broken\ufffd")}
    batch = [Attempted(one, answers[one.url.rsplit("/", 1)[1]]) for one in claimed]
    lost, batch = batch[0], batch[1:]
    Delivery.objects.filter(pk=lost.claimed.delivery_id).update(lease=None, leased_until=None)
    with django_assert_max_num_queries(8):
        settled = settle([lost, *batch])
    assert settled == {each.claimed.delivery_id for each in batch}  # whoever lost its lease is not heard
    counts = DeliveryCount.objects.order_by("attempts_failed").values_list("attempts_succeeded", "attempts_failed")
    assert sorted(map(sum, counts)) == [7, 8]
    assert Delivery.objects.filter(status="succeeded").count() == sum(good for good, _ in counts)
    settle(batch)  # again: nothing is theirs any more
    assert sorted(map(sum, counts.all())) == [7, 8]


def test_hanging_receivers_leave_places_for_those_who_have_nothing_under_way(cast, subscribe):
    """Ninety of them, as a workspace may have, with more due than all places."""
    for number in range(90):
        subscribe(f"http://127.0.0.1:9999/{number}", events=["lead.created"])
    leads(cast.acme, 9)
    under_way = []
    while claimed := claim(*share(MAX_AT_ONCE - len(under_way))):
        under_way += claimed
    assert len(under_way) == MAX_AT_ONCE // 2
    subscribe("http://127.0.0.1:9999/good", events=["conversation.created"])
    make_talk(cast.north)
    (good,) = claim(*share(MAX_AT_ONCE - len(under_way)))
    assert good.url.endswith("good")


def test_every_place_is_filled_in_the_end(cast, subscribe):
    assert [share(room) for room in (512, 300, 256, 200, 128, 1)] == [
        *((256, 8), (44, 8)),
        *((128, 2), (72, 2)),
        *((128, 1), (1, 1)),
    ]
