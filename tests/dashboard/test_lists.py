"""A list of 100,000 rows needs as many queries as a short list, and each query uses an index."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Operator
from accounts.scope import Scope
from brands.models import Brand
from conversations import sql, statistics
from conversations.models import Visitor
from leads.models import Lead
from tests.large_data import large_workspace, plans_of

__all__ = ["large_workspace"]
pytestmark = pytest.mark.django_db

LISTS = [
    "/app/leads/",
    "/app/leads/?status__exact=won",
    "/app/leads/?p=3",
    "/app/leads/?q=Lead+99",
    "/app/visitors/",
    "/app/visitors/?q=person77",
    "/app/audit-log/",
    "/app/audit-log/?action=brand.created",
    "/app/integrations/events/",
    "/app/integrations/events/?status=failed",
    "/app/integrations/events/?status=pending",
]
TABLES = (
    "leads_lead",
    "conversations_visitor",
    "conversations_conversation",
    "integrations_delivery",
    "integrations_event ",
)


@pytest.fixture
def owners(large_workspace, tenants):
    """Return the owner of the large workspace and the owner of a small one."""
    large_owner = Operator.objects.create_operator(
        workspace=large_workspace, email="o@big.example", password="x", name="O", role="owner"
    )
    return large_owner, tenants.alice


def queries_of(client, path):
    cache.clear()
    client.get(path)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(path).status_code == 200
    return captured.captured_queries


@pytest.mark.parametrize("path", LISTS)
def test_a_long_list_needs_as_many_queries_as_a_short_one_and_no_table_scan(owners, conversations, webhooks, path):
    large, small = Client(), Client()
    large.force_login(owners[0])
    small.force_login(owners[1])
    queries = queries_of(large, path)
    # The short list may skip queries for related rows that it does not have.
    assert len(queries) <= len(queries_of(small, path)) + 2
    assert len(queries) <= 14
    for plan in plans_of(queries, without="django_session"):
        for table in TABLES:
            assert f"Seq Scan on {table}" not in plan, plan


def test_the_pages_of_a_visitor_and_a_lead_scan_no_table(owners, large_workspace):
    client = Client()
    client.force_login(owners[0])
    visitor, lead = (model.objects.filter(workspace=large_workspace).first() for model in (Visitor, Lead))
    queries = queries_of(client, f"/app/visitors/{visitor.pk}/change/")
    queries += queries_of(client, f"/app/leads/{lead.pk}/change/")
    with CaptureQueriesContext(connection) as captured:
        form = {"name": "Twin", "email": lead.email.upper(), "status": "new", "notes": ""}
        assert "There is already a lead" in client.post("/app/leads/add/", form).content.decode()
    for plan in plans_of(queries + captured.captured_queries, without="django_session"):
        for table in TABLES:
            assert f"Seq Scan on {table}" not in plan, plan


@pytest.mark.parametrize("path", ["/app/leads/", "/app/visitors/", "/app/integrations/events/"])
def test_lists_limited_to_one_brand_scan_no_table(owners, large_workspace, path):
    brand = Brand.objects.filter(workspace=large_workspace).first()
    Operator.objects.filter(pk=owners[0].pk).update(sees_all_brands=False, role="admin")
    owners[0].brands.through.objects.create(workspace=large_workspace, operator=owners[0], brand=brand)
    client = Client()
    client.force_login(owners[0])
    for plan in plans_of(queries_of(client, path), without="django_session"):
        for table in TABLES:
            assert f"Seq Scan on {table}" not in plan, plan


def test_reports_scan_only_the_rows_of_their_period(large_workspace):
    values = {"workspace": large_workspace.pk, "since": large_workspace.created_at - timedelta(hours=6), "brands": None}
    for statement in (
        sql.DAILY_COUNTS,
        sql.RESPONSE_TIMES.format(group="true"),
        sql.REPLIES_BY_OPERATOR,
    ):
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN " + statement, values)
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "Seq Scan on conversations_conversation" not in plan, plan
    scope = Scope(large_workspace.pk)
    assert statistics.response_times(scope, values["since"]).conversations == pytest.approx(6 * 60 * 4, abs=8)
