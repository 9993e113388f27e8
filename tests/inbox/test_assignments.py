"""Assignments: conversations never stay with operators who cannot answer them."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Operator
from brands.models import OperatorBrand
from conversations import actions
from conversations.models import Activity, Conversation
from tests.conftest import make_conversation
from tests.inbox.test_live_functions import write_as_visitor
from tests.sync.live_client import call_as, topics_of

pytestmark = pytest.mark.django_db


def assign_to(conversation, operator):
    return actions.assign(conversation, operator=operator)


@pytest.fixture
def carol(tenants):
    """Return an operator who sees only the brand South."""
    carol = Operator.objects.create_operator(
        workspace=tenants.acme, email="carol@acme.example", name="Carol", password="ca-rol-9", sees_all_brands=False
    )
    OperatorBrand.objects.create(workspace=tenants.acme, operator=carol, brand=tenants.south)
    return carol


def team_form(operator, **changes):
    brands = [str(pk) for pk in operator.brands.values_list("pk", flat=True)]
    form = {"name": operator.name, "role": operator.role, "is_active": "on", "brands": brands}
    if operator.sees_all_brands:
        form["sees_all_brands"] = "on"
    form |= changes
    return {name: value for name, value in form.items() if value is not None}


def team_path(operator):
    return f"/app/team/{operator.pk}/change/"


def assignee_of(conversation):
    conversation.refresh_from_db()
    return conversation.assignee


def test_team_form_shows_assigned_count_and_offers_only_successors_who_see_the_brands(
    client, tenants, conversations, carol
):
    assign_to(conversations.north, tenants.bob)
    client.force_login(tenants.alice)
    page = client.get(team_path(tenants.bob)).content.decode()
    assert "1 open or snoozed conversation is assigned to Bob" in page
    assert "Leave unassigned" in page
    assert ">Alice</option>" in page
    assert "Carol" not in page  # Carol sees only South
    assert "Mallory" not in page
    # Carol has no assigned conversations
    assert "Reassign conversations to" not in client.get(team_path(carol)).content.decode()


@pytest.mark.parametrize("has_successor", [True, False])
def test_deactivating_an_operator_reassigns_open_and_snoozed_conversations(
    client, tenants, conversations, has_successor
):
    snoozed, closed = make_conversation(tenants.north), make_conversation(tenants.north)
    for conversation in (conversations.north, snoozed, closed):
        assign_to(conversation, tenants.bob)
    actions.set_status(snoozed, status="snoozed")
    actions.set_status(closed, status="closed")
    conversations.north.refresh_from_db()
    before = conversations.north.updated_at
    client.force_login(tenants.alice)
    form = team_form(tenants.bob, is_active=None, successor=str(tenants.alice.pk) if has_successor else "")
    assert client.post(team_path(tenants.bob), form).status_code == 302
    tenants.bob.refresh_from_db()
    assert not tenants.bob.is_active
    for conversation in (conversations.north, snoozed):
        assert assignee_of(conversation) == (tenants.alice if has_successor else None)
        line = Activity.objects.filter(conversation=conversation).latest("position")
        assert (line.kind, line.actor, line.position) == ("assigned", "Alice", conversation.last_position)
        assert (line.details["to"] or {}).get("name") == ("Alice" if has_successor else None)
    assert conversations.north.updated_at > before
    assert assignee_of(closed) == tenants.bob


def test_successor_gets_no_conversations_of_brands_they_cannot_see(client, tenants, conversations, carol):
    create = Operator.objects.create_operator
    dave = create(workspace=tenants.acme, email="dave@acme.example", name="Dave", password="da-ve-9")
    for conversation in (conversations.north, conversations.south):
        assign_to(conversation, dave)
    client.force_login(tenants.alice)
    form = team_form(dave, is_active=None, successor=str(carol.pk))
    response = client.post(team_path(dave), form, follow=True)
    page = response.content.decode()
    assert "2 conversations were reassigned. Those in brands that Carol cannot access are now unassigned." in page
    assert (assignee_of(conversations.south), assignee_of(conversations.north)) == (carol, None)


def test_successor_without_access_to_the_brand_is_rejected(client, tenants, conversations, carol):
    assign_to(conversations.north, tenants.bob)
    client.force_login(tenants.alice)
    for wrong in (tenants.mallory, carol, tenants.bob):
        response = client.post(team_path(tenants.bob), team_form(tenants.bob, is_active=None, successor=str(wrong.pk)))
        assert response.status_code == 200  # the form is shown again
    assert assignee_of(conversations.north) == tenants.bob


def test_operator_of_another_workspace_cannot_reassign_conversations(client, tenants, conversations):
    assign_to(conversations.north, tenants.bob)
    client.force_login(tenants.mallory)
    assert client.post(team_path(tenants.bob), team_form(tenants.bob, is_active=None)).status_code == 404
    assert assignee_of(conversations.north) == tenants.bob


def test_removing_a_brand_unassigns_only_that_brands_conversations(tenants, conversations):
    OperatorBrand.objects.create(workspace=tenants.acme, operator=tenants.bob, brand=tenants.south)
    for conversation in (conversations.north, conversations.south):
        assign_to(conversation, tenants.bob)
    actions.change_operator(tenants.bob, by=tenants.alice, brands=[tenants.south])
    assert (assignee_of(conversations.north), assignee_of(conversations.south)) == (None, tenants.bob)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_reassigning_ten_thousand_conversations_takes_under_200_queries(tenants, conversations):
    visitor = conversations.north.visitor
    Conversation.objects.bulk_create(
        Conversation(
            workspace=tenants.acme, brand=tenants.north, visitor=visitor, channel="widget", assignee=tenants.bob
        )
        for _ in range(10_000)
    )
    with CaptureQueriesContext(connection) as queries:
        _, count = actions.change_operator(tenants.bob, by=tenants.alice, successor=tenants.alice, is_active=False)
    assert count == 10_000
    assert len(queries) < 200
    assert Conversation.objects.filter(assignee=tenants.alice).count() == 10_000
    assert Activity.objects.filter(kind="assigned").count() == 10_000


def test_reassignment_is_published_to_lists_and_threads(
    tenants, conversations, django_capture_on_commit_callbacks, monkeypatch
):
    assign_to(conversations.north, tenants.bob)
    published = set()
    monkeypatch.setattr("praxtalk.core.live.topics._publish", published.update)
    with django_capture_on_commit_callbacks(execute=True):
        actions.change_operator(tenants.bob, by=tenants.alice, is_active=False)
    assert topics_of(tenants.alice, "inbox:list") & published
    assert topics_of(tenants.alice, "inbox:thread", conversationId=str(conversations.north.pk)) & published


@pytest.mark.parametrize("why", ["deactivated", "without the brand"])
def test_message_to_an_unavailable_assignee_makes_the_conversation_unassigned(tenants, conversations, why):
    """The assignee may lose access without the team page; here the rows are changed directly."""
    assign_to(conversations.north, tenants.bob)
    actions.set_status(conversations.north, status="resolved")
    call_as(tenants.alice, "presence:touch", conversationId=str(conversations.north.pk))
    if why == "deactivated":
        Operator.objects.filter(pk=tenants.bob.pk).update(is_active=False)
    else:
        OperatorBrand.objects.filter(operator=tenants.bob).delete()
    before = call_as(tenants.alice, "inbox:counts")
    write_as_visitor(conversations.north)
    after = call_as(tenants.alice, "inbox:counts")
    assert after["unread"] == before["unread"] + 1
    assert after["unassigned"] == before["unassigned"] + 1
    assert after["newest"]["conversationId"] == str(conversations.north.pk)
    line = Activity.objects.filter(conversation=conversations.north, kind="assigned").latest("position")
    assert (line.actor, line.details) == ("PraxTalk", {"to": None, "absent": "Bob"})
