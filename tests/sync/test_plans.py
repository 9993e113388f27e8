"""Every live query uses an index at 100,000 rows."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Operator
from accounts.scope import Scope
from brands.models import OperatorBrand
from conversations import inbox_search, search
from conversations.actions import (
    change_tags,
    create_tag,
    operators_without_access,
    reassign_conversations,
    wake_next_snoozed,
)
from conversations.inbox import filter_conversations
from conversations.models import Conversation
from tests.large_data import large_workspace, plans_of
from tests.sync.live_client import call_as
from tests.widget.visitors import VisitorClient
from widget.mail import mail_replies
from widget.visitor_tokens import issue_token

__all__ = ["large_workspace"]


def create_operator(workspace, brands=None):
    operator = Operator.objects.create(workspace=workspace, email="o@example.com", name="O", sees_all_brands=not brands)
    for brand in brands or ():
        OperatorBrand.objects.create(workspace=workspace, operator=operator, brand=brand)
    return operator


@pytest.mark.django_db
@pytest.mark.parametrize("limited", [0, 1, 2])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("conversations:listInbox", {}),
        ("conversations:listInbox", {"status": "open"}),
        ("conversations:listInbox", {"brandId": "{brand}"}),
        ("conversations:listInbox", {"brandId": "{brand}", "status": "open"}),
        ("conversations:listInbox", {"assignee": "me", "status": "open"}),
        ("conversations:listInbox", {"assignee": "none", "status": "open"}),
        ("conversations:listInbox", {"q": "order 4711"}),
        ("conversations:listInbox", {"q": "person4711@example.com"}),
        ("inbox:list", {"q": "order 4711"}),
        ("inbox:list", {"q": "q"}),
        ("inbox:list", {"q": "4"}),
        ("inbox:list", {"q": "配"}),
        ("inbox:list", {"q": "配送"}),
        ("inbox:list", {"q": "+49 170 1234567"}),
        ("inbox:list", {"q": "O'Brien Köln"}),
        ("inbox:list", {"q": "vip"}),
        ("conversations:counts", {}),
        ("conversations:counts", {"brandId": "{brand}"}),
        ("conversations:get", {"conversationId": "{conversation}"}),
        ("messages:list", {"conversationId": "{conversation}"}),
        ("presence:list", {"conversationId": "{conversation}"}),
        ("inbox:list", {}),
        ("inbox:list", {"status": "open", "assignee": "me"}),
        ("inbox:list", {"status": "open", "brandId": "{brand}"}),
        ("inbox:list", {"tagId": "{tag}"}),
        ("inbox:list", {"status": "open", "waiting": True}),
        ("inbox:list", {"status": "open", "order": "longestWaiting"}),
        ("inbox:list", {"status": "open", "brandId": "{brand}", "order": "longestWaiting"}),
        ("inbox:list", {"status": "open", "assignee": "me", "order": "longestWaiting"}),
        ("inbox:counts", {}),
        ("inbox:thread", {"conversationId": "{conversation}"}),
        ("inbox:mentions", {}),
        ("inbox:assignments", {}),
        ("visitors:get", {"visitorId": "{visitor}"}),
        ("leads:list", {"visitorId": "{visitor}"}),
        ("leads:list", {}),
        ("leads:list", {"status": "new"}),
        ("leads:list", {"brandId": "{brand}", "status": "new"}),
    ],
)
def test_live_queries_use_an_index(large_workspace, limited, name, arguments):
    brands = list(large_workspace.brands.order_by("pk"))
    conversation = Conversation.objects.filter(brand=brands[0]).first()
    tag = change_tags(conversation, add=[create_tag(large_workspace.pk, name="vip").pk]).tagged.get().tag_id
    ids = {
        "{brand}": brands[0].pk,
        "{conversation}": conversation.pk,
        "{visitor}": conversation.visitor_id,
        "{tag}": tag,
    }
    arguments = {key: str(ids[value]) if value in ids else value for key, value in arguments.items()}
    operator = create_operator(large_workspace, brands[:limited])
    with CaptureQueriesContext(connection) as queries:
        call_as(operator, name, **arguments)
    plans = plans_of(queries, without="operatorsession")
    assert plans
    for plan in plans:
        for table in ("conversation", "message", "visitor"):
            assert f"Seq Scan on conversations_{table} " not in plan, plan
        assert "Seq Scan on leads_lead" not in plan, plan


@pytest.mark.django_db
def test_a_rare_search_term_uses_the_full_text_indexes(large_workspace):
    operator = create_operator(large_workspace)
    with CaptureQueriesContext(connection) as queries:
        assert len(call_as(operator, "conversations:listInbox", q="order 4711")) >= 1
    plans = "\n".join(plans_of(queries, without="operatorsession"))
    assert "message_by_words" in plans, plans
    assert "visitor_by_words" in plans, plans


@pytest.mark.django_db
def test_a_common_search_term_scans_the_newest_conversations_only(large_workspace):
    with CaptureQueriesContext(connection) as queries:
        assert len(call_as(create_operator(large_workspace), "conversations:listInbox", q="order", limit=50)) == 50
    plans = "\n".join(plans_of(queries, without="operatorsession"))
    assert "message_by_words" not in plans, plans
    assert "conversation_newest" in plans, plans


@pytest.mark.django_db
def test_every_search_strategy_finds_the_same_conversations(large_workspace, monkeypatch):
    """Whichever strategy is used, a page contains the newest conversations that match the words."""
    scope = Scope(large_workspace.pk, None)
    rows = filter_conversations(scope).values_list("pk", flat=True)
    tag = create_tag(large_workspace.pk, name="vip")
    for conversation in Conversation.objects.filter(workspace=large_workspace).order_by("last_activity_at")[:30:2]:
        change_tags(conversation, add=[tag.pk])
    words = ("order 4711", "order 47", "person99", "order 99 mine", "vip", "nowhere", "47")
    ways = [
        {},
        {"RECENT_ROWS": 5},
        {"RECENT_ROWS": 5, "INDEX_LIMIT": 1},
        {"RECENT_ROWS": 5, "INDEX_LIMIT": 1, "SCAN_LIMIT": 0},
    ]
    found = []
    for way in ways:
        with monkeypatch.context() as changed:
            for name, value in way.items():
                changed.setattr(inbox_search, name, value)
            found.append([inbox_search.search(rows, scope, text, 20) for text in words])
    assert found[0] == found[1] == found[2] == found[3]
    assert [len(each) for each in found[0]][-2:] == [0, 20]


@pytest.mark.django_db
def test_rows_without_words_are_found_by_an_index(large_workspace):
    for model in search.searched_models():
        with CaptureQueriesContext(connection) as queries:
            assert search.fill_words(model) == 0  # the rows of large_workspace have their words
        (plan,) = plans_of(queries, without="operatorsession")
        assert f"{model._meta.model_name}_stale_words" in plan, plan


@pytest.mark.django_db
@pytest.mark.parametrize("typed", ["no 4711", "+49 170 1234567", "配送", "O'Brien"])
def test_rare_search_in_the_lists_uses_the_full_text_indexes(large_workspace, client, typed):
    client.force_login(create_operator(large_workspace))
    for page, table in (("visitors", "conversations_visitor"), ("leads", "leads_lead")):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/app/{page}/", {"q": typed}).status_code == 200
        plans = [plan for plan in plans_of(queries, without="operatorsession") if "@@" in plan]
        assert plans
        for plan in plans:
            assert f"Seq Scan on {table} " not in plan, plan


@pytest.mark.django_db
def test_visitor_queries_and_due_mail_use_an_index(large_workspace):
    conversation = Conversation.objects.filter(workspace=large_workspace).select_related("visitor").first()
    visitor_client = VisitorClient(conversation.brand)
    visitor_client.token = issue_token(conversation.visitor)
    Conversation.objects.filter(pk=conversation.pk).update(mail_due_at=timezone.now())
    message = conversation.messages.get()
    with CaptureQueriesContext(connection) as queries:
        assert visitor_client.call_function("widget:thread")["messages"]
        visitor_client.call_function("widget:look", seenId=str(message.pk))
        assert visitor_client.thread(before=str(message.pk)).status_code == 200
        assert visitor_client.send_message("Hi").status_code == 201
        assert mail_replies() == 0
    assert any("mail_due_at" in query["sql"] for query in queries)
    for plan in plans_of(queries, without="operatorsession"):
        for table in ("conversation", "message", "visitor"):
            assert f"Seq Scan on conversations_{table} " not in plan, plan


@pytest.mark.django_db
def test_reopening_snoozed_conversations_and_handovers_use_an_index(large_workspace):
    operator, successor = (
        create_operator(large_workspace),
        Operator.objects.create(workspace=large_workspace, email="p@example.com", name="P"),
    )
    some = list(Conversation.objects.filter(workspace=large_workspace, status="open")[:50].values_list("pk", flat=True))
    Conversation.objects.filter(pk__in=some).update(assignee=operator)
    operator.is_active = False
    operator.save()
    due = {"status": "snoozed", "snoozed_until": timezone.now()}
    Conversation.objects.filter(pk__in=some[:1]).update(**due)
    with CaptureQueriesContext(connection) as queries:
        assert wake_next_snoozed() is not None
        # All but the snoozed one: reopening it removes an assignee who can no longer answer.
        assert [operator] == list(operators_without_access())
        assert reassign_conversations(operator, to=successor) == 49
    for plan in plans_of(queries, without="operatorsession"):
        for table in ("conversation", "message", "visitor"):
            assert f"Seq Scan on conversations_{table} " not in plan, plan
