"""Permanently failing receivers: the webhook pauses itself, holds events, notifies the owners, and resumes after a probe."""

from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from accounts.models import Operator
from brands.models import OperatorBrand
from integrations import tasks
from integrations.actions.subscriptions import change_webhook
from integrations.models import Delivery, WebhookSubscription
from integrations.webhooks.health import FAILING_FOR
from integrations.webhooks.leases import apply_pauses
from integrations.webhooks.mail import notify_owners
from integrations.webhooks.pings import probe_paused
from leads.actions import create_lead
from tests.webhooks.conftest import deliver_due
from tests.webhooks.receivers import receiver

HOUR = timedelta(hours=1)


@pytest.fixture
def clock():
    with time_machine.travel(timezone.now(), tick=False) as moving:
        yield moving


def statuses():
    return sorted(Delivery.objects.values_list("status", flat=True))


def fail_for(clock, days, workspace):
    """Create a lead a day, and make every attempt that the schedule has."""
    for _ in range(days):
        create_lead(workspace.pk, name="Maya")
        for _ in range(24):
            deliver_due()
            clock.shift(HOUR)


def test_webhook_is_paused_after_five_days_of_failures_and_resumed_by_a_probe(tenants, subscribe, clock):
    with receiver(status=500) as endpoint:
        webhook, _ = subscribe(endpoint.url)
        fail_for(clock, 4, tenants.acme)
        webhook.refresh_from_db()
        assert webhook.is_active
        fail_for(clock, 2, tenants.acme)
        webhook.refresh_from_db()
        assert (webhook.status, webhook.paused_by, webhook.holds_events) == ("paused", "failing", True)
        assert webhook.paused_at - webhook.failing_since >= FAILING_FOR

        before = len(endpoint.requests)
        create_lead(tenants.acme.pk, name="held")
        apply_pauses()
        assert "pending" not in statuses()
        assert Delivery.objects.latest("created_at").status == "held"
        assert deliver_due() == []

        clock.shift(HOUR)
        assert probe_paused() == 0  # the receiver still fails
        assert len(endpoint.requests) == before + 1
        assert endpoint.requests[-1].headers["X-PraxTalk-Event"] == "ping"
        assert probe_paused() == 0  # no second probe within the hour
        assert len(endpoint.requests) == before + 1

        endpoint.status = 200
        clock.shift(HOUR)
        assert probe_paused() == 1
        webhook.refresh_from_db()
        assert (webhook.status, webhook.paused_by, webhook.failing_since) == ("active", "", None)
        apply_pauses()
        while deliver_due():
            pass
    assert "held" not in statuses()
    assert Delivery.objects.latest("created_at").status == "succeeded"


def test_success_in_between_keeps_the_webhook_active(tenants, subscribe, clock):
    with receiver(status=500) as endpoint:
        webhook, _ = subscribe(endpoint.url)
        fail_for(clock, 4, tenants.acme)
        endpoint.status = 200
        deliver_due()
        create_lead(tenants.acme.pk, name="Maya")
        deliver_due()
        webhook.refresh_from_db()
        assert webhook.failing_since is None
        endpoint.status = 500
        fail_for(clock, 4, tenants.acme)
    webhook.refresh_from_db()
    assert webhook.is_active


def test_third_consecutive_410_over_ten_minutes_pauses_the_webhook(tenants, subscribe, clock):
    with receiver(status=410) as endpoint:
        webhook, _ = subscribe(endpoint.url)
        for name in ("one", "two", "three"):  # three at the same time do not span ten minutes
            create_lead(tenants.acme.pk, name=name)
        deliver_due()
        webhook.refresh_from_db()
        assert (webhook.status, webhook.gone_responses) == ("active", 3)
        clock.shift(timedelta(minutes=11))
        deliver_due()
        webhook.refresh_from_db()
        assert (webhook.status, webhook.paused_by) == ("paused", "gone")
        apply_pauses()
        assert statuses() == ["held"] * 3


def test_other_response_between_410s_resets_the_count(tenants, subscribe, clock):
    with receiver(status=410) as endpoint:
        webhook, _ = subscribe(endpoint.url)
        create_lead(tenants.acme.pk, name="Maya")
        for status in (410, 410, 500, 410, 410):
            endpoint.status = status
            deliver_due()
            clock.shift(timedelta(hours=7))
    webhook.refresh_from_db()
    assert (webhook.status, webhook.gone_responses) == ("active", 2)


def mark_as_auto_paused(webhook):
    now = timezone.now()
    WebhookSubscription.objects.filter(pk=webhook.pk).update(
        status="paused", paused_by="failing", paused_at=now, next_probe_at=now + HOUR, failing_since=now - FAILING_FOR
    )


def test_owners_and_admins_are_notified_once(tenants, subscribe):
    for name in ("ann", "zoe"):
        Operator.objects.create_operator(
            workspace=tenants.acme, email=f"{name}@acme.example", password=None, name=name, role="admin"
        )
    limited = Operator.objects.get(email="zoe@acme.example")
    Operator.objects.filter(pk=limited.pk).update(sees_all_brands=False)
    OperatorBrand.objects.create(workspace=tenants.acme, operator=limited, brand=tenants.south)
    webhook, secret = subscribe("http://127.0.0.1:9999/", brand=tenants.north)
    assert notify_owners() == 0
    mark_as_auto_paused(webhook)
    assert (notify_owners(), notify_owners()) == (1, 0)
    (message,) = mail.outbox
    assert message.to == ["alice@acme.example", "ann@acme.example"]
    assert webhook.url in message.body
    assert "5 days" in message.body
    assert "/app/integrations" in message.body
    assert secret not in message.body


def test_owners_pause_overrides_the_automatic_one(tenants, subscribe, clock):
    """A webhook paused by its owner stays paused: no probe resumes it, and no e-mail is sent."""
    with receiver() as endpoint:
        webhook, _ = subscribe(endpoint.url)
        mark_as_auto_paused(webhook)
        change_webhook(webhook, status="paused")
        clock.shift(2 * HOUR)
        tasks.notify_owners()
        tasks.probe_paused()
        webhook.refresh_from_db()
        assert (webhook.status, webhook.paused_by) == ("paused", "owner")
        assert (endpoint.requests, mail.outbox) == ([], [])
        change_webhook(webhook, status="active")
        webhook.refresh_from_db()
        assert (webhook.status, webhook.failing_since) == ("active", None)


@pytest.mark.parametrize(("holds", "sent"), [(True, ["before", "while paused", "after"]), (False, ["before", "after"])])
def test_manual_pause_holds_or_discards_events(tenants, subscribe, holds, sent):
    with receiver() as endpoint:
        webhook, _ = subscribe(endpoint.url)
        create_lead(tenants.acme.pk, name="before")
        change_webhook(webhook, status="paused", holds_events=holds)
        create_lead(tenants.acme.pk, name="while paused")
        apply_pauses()
        assert deliver_due() == []
        assert set(statuses()) == {"held"}
        change_webhook(webhook, status="active")
        create_lead(tenants.acme.pk, name="after")
        apply_pauses()
        deliver_due()
    names = {request.body.split(b'"name":"')[1].split(b'"')[0].decode() for request in endpoint.requests}
    assert names == set(sent)


def test_changing_the_url_resets_the_failure_state(tenants, subscribe, clock):
    with receiver(status=500) as old, receiver() as new:
        webhook, _ = subscribe(old.url)
        create_lead(tenants.acme.pk, name="Maya")
        deliver_due()
        webhook.refresh_from_db()
        assert webhook.failing_since
        change_webhook(webhook, url=new.url)
        webhook.refresh_from_db()
        assert webhook.failing_since is None
        clock.shift(timedelta(minutes=1))
        deliver_due()
        assert len(new.requests) == 1
