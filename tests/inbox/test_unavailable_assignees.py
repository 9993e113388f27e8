"""Deactivating several operators at once, and conversations whose assignees cannot reach them."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry, Operator
from brands.models import OperatorBrand
from conversations import actions
from conversations.models import Activity
from conversations.tasks import unassign_unavailable
from tests.conftest import make_conversation
from tests.inbox.test_assignments import assign_to, assignee_of, carol, team_form, team_path
from tests.inbox.test_lists_and_unread_counts import unread_of
from tests.sync.live_client import call_as

__all__ = ["carol"]

pytestmark = pytest.mark.django_db

LIST = "/app/team/"


@pytest.fixture
def dave(tenants):
    """Return an operator who sees all brands."""
    create = Operator.objects.create_operator
    return create(workspace=tenants.acme, email="dave@acme.example", name="Dave", password="da-ve-9")


def deactivate(client, *operators, **fields):
    chosen = [str(operator.pk) for operator in operators]
    return client.post(LIST, {"action": "deactivate", "_selected_action": chosen, **fields}, follow=True)


def is_active(*operators):
    found = Operator.objects.filter(pk__in=[operator.pk for operator in operators])
    return set(found.values_list("is_active", flat=True))


# --- the action in the list of the team ---


def test_list_asks_before_it_deactivates(client, tenants, conversations, carol, dave):
    assign_to(conversations.north, tenants.bob)
    assign_to(conversations.south, carol)
    client.force_login(tenants.alice)
    page = deactivate(client, tenants.bob, carol).content.decode()
    assert "2 open or snoozed conversations are assigned to these operators" in page
    assert "Leave unassigned" in page
    assert ">Dave</option>" in page
    assert "bob@acme.example" in page
    assert ">Bob</option>" not in page
    assert "Mallory" not in page
    assert is_active(tenants.bob, carol) == {True}


@pytest.mark.parametrize("has_successor", [True, False])
def test_selected_operators_are_deactivated_and_their_conversations_reassigned(
    client, tenants, conversations, carol, dave, has_successor
):
    assign_to(conversations.north, tenants.bob)
    assign_to(conversations.south, carol)
    client.force_login(tenants.alice)
    successor = str(dave.pk) if has_successor else ""
    page = deactivate(client, tenants.bob, carol, confirmed="1", successor=successor).content.decode()
    assert "2 operators deactivated." in page
    assert ("2 conversations were reassigned." if has_successor else "2 conversations were unassigned.") in page
    assert is_active(tenants.bob, carol) == {False}
    for conversation, name in ((conversations.north, "Bob"), (conversations.south, "Carol")):
        assert assignee_of(conversation) == (dave if has_successor else None)
        entry = AuditEntry.objects.get(action="operator.conversations_reassigned", subject=name)
        assert (entry.actor, entry.details) == ("Alice", {"conversations": 1, "to": "Dave" if has_successor else None})
    assert AuditEntry.objects.filter(action="operator.changed").count() == 2


def test_all_selected_operators_are_deactivated_or_none(client, tenants, conversations, dave):
    assign_to(conversations.north, tenants.bob)
    client.force_login(tenants.alice)
    page = deactivate(client, tenants.bob, tenants.alice, confirmed="1", successor="").content.decode()
    assert "Nobody was deactivated. You cannot change your own role or access." in page
    assert is_active(tenants.bob, tenants.alice) == {True}
    assert assignee_of(conversations.north) == tenants.bob


@pytest.mark.parametrize("wrong", ["selected", "rival", "without the brand", "nonsense"])
def test_successor_must_be_an_active_colleague_who_sees_a_brand(client, tenants, conversations, carol, dave, wrong):
    assign_to(conversations.north, tenants.bob)
    successors = {"selected": dave.pk, "rival": tenants.mallory.pk, "without the brand": carol.pk, "nonsense": "x\0"}
    client.force_login(tenants.alice)
    page = deactivate(client, tenants.bob, dave, confirmed="1", successor=str(successors[wrong])).content.decode()
    assert "errorlist" in page
    assert is_active(tenants.bob, dave) == {True}


def test_operators_of_another_workspace_cannot_be_deactivated(client, tenants, conversations):
    client.force_login(tenants.mallory)
    deactivate(client, tenants.bob, confirmed="1", successor="")
    assert is_active(tenants.bob) == {True}


def test_operators_without_the_permission_cannot_deactivate(client, tenants, conversations, dave):
    client.force_login(tenants.bob)
    assert deactivate(client, dave, confirmed="1", successor="").status_code == 403
    assert is_active(dave) == {True}


def test_admins_cannot_deactivate_owners(client, tenants, conversations, dave):
    Operator.objects.filter(pk=dave.pk).update(role="admin")
    dave.refresh_from_db()
    client.force_login(dave)
    page = deactivate(client, tenants.alice, tenants.bob, confirmed="1", successor="").content.decode()
    assert "Only owners can invite or change owners." in page
    assert is_active(tenants.alice, tenants.bob) == {True}


def test_form_of_one_operator_records_how_many_conversations_went_to_whom(client, tenants, conversations):
    assign_to(conversations.north, tenants.bob)
    client.force_login(tenants.alice)
    client.post(team_path(tenants.bob), team_form(tenants.bob, is_active=None, successor=str(tenants.alice.pk)))
    entry = AuditEntry.objects.get(action="operator.conversations_reassigned")
    assert (entry.subject, entry.details) == ("Bob", {"conversations": 1, "to": "Alice"})


# --- rows that no action has seen ---


@pytest.mark.parametrize("why", ["deactivated", "without the brand"])
def test_waiting_message_of_an_unavailable_assignee_reaches_the_others(tenants, conversations, why):
    """The rows are changed directly, as an older version may have left them."""
    kept = make_conversation(tenants.north)
    assign_to(kept, tenants.alice)
    assign_to(conversations.north, tenants.bob)
    north = str(conversations.north.pk)
    if why == "deactivated":
        Operator.objects.filter(pk=tenants.bob.pk).update(is_active=False)
    else:
        OperatorBrand.objects.filter(operator=tenants.bob).delete()
    before = call_as(tenants.alice, "inbox:counts")
    unassign_unavailable()
    after = call_as(tenants.alice, "inbox:counts")
    assert (after["unassigned"], after["unread"]) == (before["unassigned"] + 1, before["unread"] + 1)
    assert unread_of(tenants.alice)[north]
    line = Activity.objects.filter(conversation=conversations.north).latest("position")
    assert (line.actor, line.kind, line.details["to"]) == ("PraxTalk", "assigned", None)
    assert assignee_of(kept) == tenants.alice
    with CaptureQueriesContext(connection) as queries:
        unassign_unavailable()  # nothing is left to do
    assert len(queries) == 1


def test_available_assignees_keep_their_conversations(tenants, conversations, carol):
    done = make_conversation(tenants.north)
    for conversation, operator in (
        (conversations.north, tenants.bob),
        (conversations.south, carol),
        (done, tenants.bob),
    ):
        assign_to(conversation, operator)
    actions.set_status(done, status="resolved")
    unassign_unavailable()
    assert (assignee_of(conversations.north), assignee_of(conversations.south)) == (tenants.bob, carol)
    Operator.objects.filter(pk=tenants.bob.pk).update(is_active=False)
    unassign_unavailable()
    assert assignee_of(done) == tenants.bob  # the next message would unassign it
