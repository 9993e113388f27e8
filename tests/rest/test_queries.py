"""Lists have no N+1 queries, and every frequent query uses an index at 100,000 rows."""

import re

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from conversations.models import Conversation
from integrations.actions.replays import _remaining
from integrations.actions.subscriptions import create_webhook
from integrations.models import Delivery, Event, Replay
from integrations.sql import FIND_SUBSCRIPTIONS, HELD, LEASE_DUE, LOCK_CLAIMS, PENDING, RELEASE_EXPIRED
from integrations.webhooks.leases import CLAIM_LOCK_KEY, claim
from leads.actions import create_lead
from praxtalk.core.db.ids import new_id
from tests.conftest import make_conversation
from tests.large_data import large_workspace, plans_of
from tests.recorded_rows import reuse_rows

__all__ = ["large_workspace"]

LISTS = [  # tests/rest/test_costs.py has the number of statements of each
    "/api/v1/conversations",
    "/api/v1/conversations?status=open",
    "/api/v1/leads",
    "/api/v1/brands",
    "/api/v1/events",
    "/api/v1/messages?conversationId={conversation}",
    "/api/v1/conversations/{conversation}",
    "/api/v1/webhooks",
    "/api/v1/deliveries",
    "/api/v1/deliveries?webhookId={webhook}",
]


@pytest.mark.parametrize("path", LISTS)
def test_lists_of_20_rows_need_as_many_queries_as_lists_of_2(tenants, conversations, webhooks, api_client_for, path):
    sql = []
    path = path.format(conversation=conversations.north.pk, webhook=webhooks.north.pk)
    for add_rows in (add_2_rows, add_20_rows):
        with transaction.atomic():
            reuse_rows(add_rows, tenants)
            client = api_client_for(tenants.acme)
            client.get("/api/v1/events?limit=1")
            with CaptureQueriesContext(connection) as queries:
                assert client.get(path).status_code == 200
            transaction.set_rollback(True)
        sql.append([query["sql"] for query in queries])
    assert len(sql[0]) == len(sql[1]), sql


def add_2_rows(tenants, count=2):
    for _ in range(count):
        make_conversation(tenants.north)
        create_lead(tenants.acme.pk, name="Lead", brand=tenants.north)
        create_webhook(tenants.acme, url="http://127.0.0.1:9/", events=["lead.created"])


def add_20_rows(tenants):
    add_2_rows(tenants, count=20)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "index"),
    [
        ("conversations", "conversation_newest"),
        ("conversations?status=open", "conversation_by_status"),
        ("conversations?brandId={brand}", "conversation_by_brand"),
        ("conversations?brandId={brand}&status=open", "conversation_by_brand_status"),
        ("conversations?updatedSince={recent}", "conversation_updated"),
        ("leads", "lead_newest"),
        ("leads?status=new", "lead_by_status"),
        ("leads?brandId={brand}", "lead_by_brand"),
        ("leads?brandId={brand}&status=new", "lead_by_brand_status"),
        ("leads?updatedSince={recent}", "lead_updated"),
        ("events", "event_number_unique"),
        ("deliveries", "delivery_newest"),
        ("deliveries?status=succeeded", "delivery_newest"),
        ("deliveries?status=failed", "delivery_failed"),
        ("deliveries?status=pending", "delivery_open"),
        ("deliveries?status=held", "delivery_open"),
        ("deliveries?webhookId={webhook}", "delivery_by_webhook"),
        ("deliveries?webhookId={webhook}&status=failed", "delivery_failed_by_webhook"),
        ("deliveries?type=lead.created", "delivery_newest"),
    ],
)
def test_lists_use_an_index(large_workspace, api_client_for, path, index):
    client = api_client_for(large_workspace, "write")
    brand, webhook = (
        large_workspace.brands.first(),
        Delivery.objects.filter(workspace=large_workspace).first().subscription,
    )
    recent = int((timezone.now().timestamp() - 1200) * 1000)
    path = f"/api/v1/{path.format(brand=brand.pk, recent=recent, webhook=webhook.pk)}"
    response = client.get(path).json()
    if cursor := response.get("nextCursor"):  # the second page, where an index in the wrong order would need a sort
        path += f"{'&' if '?' in path else '?'}{'after' if 'events' in response else 'cursor'}={cursor}"
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    plan = plans_of(queries, without="integrations_apikey")[-1]
    assert f"using {index} " in plan or f"Scan on {index} " in plan, plan
    assert "Seq Scan on conversations_conversation" not in plan
    assert "Seq Scan on leads_lead" not in plan
    if "updatedSince" not in path:
        assert "Sort" not in plan, plan


def explain_analyze(sql, values):
    """Run a statement with EXPLAIN ANALYZE. Returns its plan, and the number of database pages (buffers) that it touched."""
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, BUFFERS) " + sql, values)
        lines = [row[0] for row in cursor.fetchall()]
    pages = sum(int(number) for number in re.findall(r"(?:hit|read)=(\d+)", lines[1]))
    return "\n".join(lines), pages


@pytest.mark.django_db
@pytest.mark.parametrize("due", [0, 5])
def test_claiming_deliveries_uses_an_index_over_100_000_finished_rows(large_workspace, due):
    """It also touches few database pages, which is what makes it fast (bench/webhooks measures how fast)."""
    claim(1)  # scans the index entries of rows that other tests rolled back, and marks them as dead
    for number in range(due):
        row = Delivery.objects.filter(workspace=large_workspace)[number]
        Delivery.objects.filter(pk=row.pk).update(status="pending", next_attempt_at=timezone.now())
    Delivery.objects.filter(workspace=large_workspace).update(lease=None, leased_until=None)
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(LOCK_CLAIMS, [CLAIM_LOCK_KEY])
    values = {"now": now, "limit": 100, "lease": new_id(), "leased_until": now, "in_flight": 8, "in_flight_failing": 2}
    plan, pages = explain_analyze(LEASE_DUE, values)
    assert "delivery_due" in plan, plan
    used = set(re.findall(r"using (\w+) on integrations_delivery", plan))
    by_id = {"integrations_delivery_pkey", "delivery_in_workspace"}
    assert used - by_id == {"delivery_due", "delivery_leased"}, plan
    assert "Seq Scan" not in plan, plan
    assert f"rows={due}" in plan or f"rows={due}.00" in plan, plan
    assert pages < 200 + 60 * due, plan  # the rows occupy thousands of pages
    assert Delivery.objects.filter(lease__isnull=False).count() == due


@pytest.mark.django_db
def test_webhook_maintenance_uses_indexes(large_workspace):
    for condition in (PENDING, HELD):
        plan, pages = explain_analyze(FIND_SUBSCRIPTIONS.format(condition=condition), ["paused"])
        assert "Seq Scan on integrations_delivery" not in plan, plan
        assert pages < 200, plan
    plan, _ = explain_analyze(
        RELEASE_EXPIRED, {"now": timezone.now(), "day": timezone.now().date(), "max_interruptions": 5}
    )
    assert "delivery_leased" in plan, plan
    assert "Seq Scan on integrations_delivery" not in plan, plan


@pytest.mark.django_db
@pytest.mark.parametrize(("what", "index"), [("failed", "delivery_failed_by_webhook"), ("missing", "event_by_time")])
def test_a_replay_step_uses_an_index(large_workspace, what, index):
    webhook = Delivery.objects.filter(workspace=large_workspace).first().subscription
    replay = Replay(
        workspace=large_workspace, subscription=webhook, what=what, until=timezone.now(), since=None, total=0
    )
    plan = _remaining(replay).order_by("created_at", "id").values("id", "created_at")[:500].explain()
    assert index in plan, plan
    assert "Seq Scan on integrations_event" not in plan, plan


@pytest.mark.django_db
def test_event_retention_uses_an_index(large_workspace):
    plan = (
        Event.objects.filter(workspace=large_workspace, created_at__lt=timezone.now())
        .order_by("created_at")[:500]
        .explain()
    )
    assert "event_by_time" in plan, plan


@pytest.mark.django_db
def test_reopening_snoozed_conversations_uses_an_index(large_workspace):
    plan = Conversation.objects.filter(snoozed_until__lte=timezone.now()).order_by("snoozed_until")[:1].explain()
    assert "conversation_wakes" in plan, plan
