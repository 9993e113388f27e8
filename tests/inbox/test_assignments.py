"""Assignments: conversations never stay with operators who cannot answer them, and new assignees are notified."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Operator
from brands.models import OperatorBrand
from conversations import actions, mail
from conversations.models import Activity, Conversation, Mention
from tests.conftest import make_conversation
from tests.inbox.test_functions import write_as_visitor
from tests.inbox.test_mail import travel_forward
from tests.sync.live_client import ask, topics_of

pytestmark = pytest.mark.django_db


def assign_to(conversation, operator):
    return actions.assign(conversation, operator=operator)


@pytest.fixture
def carol(cast):
    """Return an operator who sees only the brand South."""
    made = Operator.objects.create(workspace=cast.acme, email="carol@acme.example", name="Carol", sees_all_brands=False)
    OperatorBrand.objects.create(workspace=cast.acme, operator=made, brand=cast.south)
    return made


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


# --- deactivating an operator, and removing brands ---


def test_team_form_shows_assigned_count_and_offers_only_successors_who_see_the_brands(
    client, cast, conversations, carol
):
    assign_to(conversations.north, cast.bob)
    client.force_login(cast.alice)
    page = client.get(team_path(cast.bob)).content.decode()
    assert "1 open or snoozed conversation is assigned to Bob" in page
    assert "Leave unassigned" in page
    assert ">Alice</option>" in page
    assert "Carol" not in page  # Carol sees only South
    assert "Mallory" not in page
    # Carol has no assigned conversations
    assert "Reassign conversations to" not in client.get(team_path(carol)).content.decode()


@pytest.mark.parametrize("has_successor", [True, False])
def test_deactivating_an_operator_reassigns_open_and_snoozed_conversations(client, cast, conversations, has_successor):
    snoozed, closed = make_conversation(cast.north), make_conversation(cast.north)
    for conversation in (conversations.north, snoozed, closed):
        assign_to(conversation, cast.bob)
    actions.set_status(snoozed, status="snoozed")
    actions.set_status(closed, status="closed")
    conversations.north.refresh_from_db()
    before = conversations.north.updated_at
    client.force_login(cast.alice)
    form = team_form(cast.bob, is_active=None, successor=str(cast.alice.pk) if has_successor else "")
    assert client.post(team_path(cast.bob), form).status_code == 302
    cast.bob.refresh_from_db()
    assert not cast.bob.is_active
    for conversation in (conversations.north, snoozed):
        assert assignee_of(conversation) == (cast.alice if has_successor else None)
        line = Activity.objects.filter(conversation=conversation).latest("position")
        assert (line.kind, line.actor, line.position) == ("assigned", "Alice", conversation.last_position)
        assert (line.details["to"] or {}).get("name") == ("Alice" if has_successor else None)
    assert conversations.north.updated_at > before
    assert assignee_of(closed) == cast.bob


def test_successor_gets_no_conversations_of_brands_they_cannot_see(client, cast, conversations, carol):
    create = Operator.objects.create_operator
    dave = create(workspace=cast.acme, email="dave@acme.example", name="Dave", password="da-ve-9")
    for conversation in (conversations.north, conversations.south):
        assign_to(conversation, dave)
    client.force_login(cast.alice)
    form = team_form(dave, is_active=None, successor=str(carol.pk))
    answer = client.post(team_path(dave), form, follow=True)
    page = answer.content.decode()
    assert "2 conversations were reassigned. Those in brands that Carol cannot access are now unassigned." in page
    assert (assignee_of(conversations.south), assignee_of(conversations.north)) == (carol, None)


def test_successor_without_access_to_the_brand_is_rejected(client, cast, conversations, carol):
    assign_to(conversations.north, cast.bob)
    client.force_login(cast.alice)
    for wrong in (cast.mallory, carol, cast.bob):
        answer = client.post(team_path(cast.bob), team_form(cast.bob, is_active=None, successor=str(wrong.pk)))
        assert answer.status_code == 200  # the form is shown again
    assert assignee_of(conversations.north) == cast.bob


def test_operator_of_another_workspace_cannot_reassign_conversations(client, cast, conversations):
    assign_to(conversations.north, cast.bob)
    client.force_login(cast.mallory)
    assert client.post(team_path(cast.bob), team_form(cast.bob, is_active=None)).status_code == 404
    assert assignee_of(conversations.north) == cast.bob


def test_removing_a_brand_unassigns_only_that_brands_conversations(cast, conversations):
    OperatorBrand.objects.create(workspace=cast.acme, operator=cast.bob, brand=cast.south)
    for conversation in (conversations.north, conversations.south):
        assign_to(conversation, cast.bob)
    actions.change_operator(cast.bob, by=cast.alice, brands=[cast.south])
    assert (assignee_of(conversations.north), assignee_of(conversations.south)) == (None, cast.bob)


def test_reassigning_ten_thousand_conversations_takes_under_200_queries(cast, conversations):
    visitor = conversations.north.visitor
    Conversation.objects.bulk_create(
        Conversation(workspace=cast.acme, brand=cast.north, visitor=visitor, channel="widget", assignee=cast.bob)
        for _ in range(10_000)
    )
    with CaptureQueriesContext(connection) as queries:
        _, count = actions.change_operator(cast.bob, by=cast.alice, successor=cast.alice, is_active=False)
    assert count == 10_000
    assert len(queries) < 200
    assert Conversation.objects.filter(assignee=cast.alice).count() == 10_000
    assert Activity.objects.filter(kind="assigned").count() == 10_000


def test_reassignment_is_published_to_lists_and_threads(
    cast, conversations, django_capture_on_commit_callbacks, monkeypatch
):
    assign_to(conversations.north, cast.bob)
    told = set()
    monkeypatch.setattr("praxtalk.core.live.topics._publish", told.update)
    with django_capture_on_commit_callbacks(execute=True):
        actions.change_operator(cast.bob, by=cast.alice, is_active=False)
    assert topics_of(cast.alice, "inbox:list") & told
    assert topics_of(cast.alice, "inbox:thread", conversationId=str(conversations.north.pk)) & told


@pytest.mark.parametrize("why", ["deactivated", "without the brand"])
def test_message_to_an_unavailable_assignee_makes_the_conversation_unassigned(cast, conversations, why):
    """The assignee may lose access without the team page; here the rows are changed directly."""
    assign_to(conversations.north, cast.bob)
    actions.set_status(conversations.north, status="resolved")
    ask(cast.alice, "presence:touch", conversationId=str(conversations.north.pk))
    if why == "deactivated":
        Operator.objects.filter(pk=cast.bob.pk).update(is_active=False)
    else:
        OperatorBrand.objects.filter(operator=cast.bob).delete()
    before = ask(cast.alice, "inbox:counts")
    write_as_visitor(conversations.north)
    after = ask(cast.alice, "inbox:counts")
    assert after["unread"] == before["unread"] + 1
    assert after["unassigned"] == before["unassigned"] + 1
    assert after["newest"]["conversationId"] == str(conversations.north.pk)
    line = Activity.objects.filter(conversation=conversations.north, kind="assigned").latest("position")
    assert (line.actor, line.details) == ("PraxTalk", {"to": None, "absent": "Bob"})


# --- the end of a snooze ---


def snooze(conversation, until):
    actions.set_status(conversation, status="snoozed", snoozed_until=until)
    conversation.refresh_from_db()


def test_ended_snooze_moves_to_the_top_becomes_unread_and_is_recorded_in_the_thread(cast, conversations, crm):
    north_args = {"conversationId": str(conversations.north.pk)}
    assign_to(conversations.north, cast.bob)
    make_conversation(cast.north, name="Newer")
    snooze(conversations.north, until=timezone.now() + timedelta(hours=1))
    ask(cast.bob, "presence:touch", **north_args)
    before, last_message_at = ask(cast.bob, "inbox:counts")["unread"], conversations.north.last_message_at
    assert actions.wake_next_snoozed() is None
    with travel_forward(hours=2):
        assert actions.wake_next_snoozed() == conversations.north
        assert actions.wake_next_snoozed() is None
        counts, rows = ask(cast.bob, "inbox:counts"), ask(cast.bob, "inbox:list")["rows"]
    assert counts["unread"] == before + 1
    assert counts["newest"]["conversationId"] == str(conversations.north.pk)
    assert counts["newest"]["snoozeEnded"] is True
    assert (rows[0]["_id"], rows[0]["unread"]) == (str(conversations.north.pk), True)
    assert rows[0]["lastActivityAt"] > rows[0]["lastMessageAt"]
    line = ask(cast.bob, "inbox:thread", **north_args)["entries"][-1]
    assert line["details"] == {"status": "open", "previous": "snoozed", "snoozeEnded": True}
    conversations.north.refresh_from_db()
    assert conversations.north.last_message_at == last_message_at  # the REST API documents this
    first_page = crm.get("/api/v1/conversations?limit=1").json()
    assert first_page["conversations"][0]["_id"] == str(conversations.north.pk)
    more = crm.get(f"/api/v1/conversations?cursor={first_page['nextCursor']}").json()["conversations"]
    assert str(conversations.north.pk) not in [each["_id"] for each in more]
    ask(cast.bob, "presence:touch", **north_args)
    assert ask(cast.bob, "inbox:counts")["unread"] == before


def test_visitor_message_ends_the_snooze(cast, conversations):
    snooze(conversations.north, until=None)
    write_as_visitor(conversations.north)
    conversations.north.refresh_from_db()
    assert conversations.north.status == "open"
    line = Activity.objects.filter(conversation=conversations.north).latest("position")
    assert (line.actor, line.details["snoozeEnded"]) == ("Maya A.", True)
    assert ask(cast.bob, "inbox:list")["rows"][0]["unread"]


def test_reopening_a_snoozed_conversation_is_not_recorded_as_an_ended_snooze(cast, conversations):
    snooze(conversations.north, until=None)
    ask(cast.bob, "conversations:setStatus", conversationId=str(conversations.north.pk), status="open")
    line = Activity.objects.filter(conversation=conversations.north).latest("position")
    assert (line.actor, line.details) == ("Bob", {"status": "open", "previous": "snoozed"})


def test_snooze_of_an_unavailable_assignee_ends_unassigned(cast, conversations):
    assign_to(conversations.north, cast.bob)
    snooze(conversations.north, until=timezone.now() + timedelta(hours=1))
    ask(cast.alice, "presence:touch", conversationId=str(conversations.north.pk))
    before = ask(cast.alice, "inbox:counts")["unread"]
    Operator.objects.filter(pk=cast.bob.pk).update(is_active=False)
    with travel_forward(hours=2):
        actions.wake_next_snoozed()
    assert ask(cast.alice, "inbox:counts")["unread"] == before + 1


# --- being assigned ---


def assignments(operator):
    found = ask(operator, "inbox:assignments")
    assert found["count"] == len(found["newest"])
    return [(each["assignedBy"], each["conversationId"]) for each in found["newest"]]


def test_assignment_is_listed_until_the_conversation_is_opened(cast, conversations):
    north = str(conversations.north.pk)
    ask(cast.alice, "conversations:assign", conversationId=north, operatorId=str(cast.bob.pk))
    assert assignments(cast.bob) == [("Alice", north)]
    assert ask(cast.bob, "inbox:mentions") == []
    assert ask(cast.bob, "inbox:counts")["mentions"] == 0
    assert assignments(cast.alice) == assignments(cast.mallory) == []
    ask(cast.bob, "presence:touch", conversationId=north)
    assert assignments(cast.bob) == []


def test_assigning_to_oneself_creates_no_alert(cast, conversations):
    ask(cast.bob, "conversations:assign", conversationId=str(conversations.north.pk), operatorId=str(cast.bob.pk))
    assert assignments(cast.bob) == []


def test_bulk_assignments_are_listed_and_dismissed_together(cast, conversations):
    ids = [str(make_conversation(cast.north).pk) for _ in range(3)]
    ask(cast.alice, "conversations:change", conversationIds=ids, operatorId=str(cast.bob.pk))
    assert sorted(pk for _, pk in assignments(cast.bob)) == sorted(ids)
    ask(cast.bob, "inbox:seeAssignments")
    assert assignments(cast.bob) == []


def test_assignment_newer_than_the_seen_ones_stays_listed(cast, conversations):
    seen, later = make_conversation(cast.north), make_conversation(cast.north)
    assign_to(seen, cast.bob)
    assign_to(later, cast.bob)
    Mention.objects.filter(conversation=later).update(created_at=timezone.now() + timedelta(seconds=1))
    until = next(
        each for each in ask(cast.bob, "inbox:assignments")["newest"] if each["conversationId"] == str(seen.pk)
    )
    ask(cast.bob, "inbox:seeAssignments", until=until["createdAt"])
    assert [pk for _, pk in assignments(cast.bob)] == [str(later.pk)]


def test_assignment_that_is_withdrawn_is_no_longer_listed(cast, conversations):
    assign_to(conversations.north, cast.bob)
    assert len(assignments(cast.bob)) == 1
    assign_to(conversations.north, None)
    assert assignments(cast.bob) == []
    assert not Mention.objects.exists()


def test_assignment_is_hidden_after_losing_access_to_the_brand(cast, conversations):
    assign_to(conversations.north, cast.bob)
    OperatorBrand.objects.filter(operator=cast.bob).delete()
    assert assignments(cast.bob) == []


def test_unseen_assignments_are_mailed_once_in_one_mail(cast, conversations, mailoutbox):
    more = make_conversation(cast.north, name="Zoe")
    for conversation in (conversations.north, more):
        ask(cast.alice, "conversations:assign", conversationId=str(conversation.pk), operatorId=str(cast.bob.pk))
    assert mail.send_notification_emails() == 0
    with travel_forward(minutes=6):
        assert mail.send_notification_emails() == 1
        assert mail.send_notification_emails() == 0
    [sent] = mailoutbox
    assert (sent.to, sent.subject) == (["bob@acme.example"], "Alice assigned 2 conversations to you on PraxTalk")
    assert "Alice assigned the conversation with Zoe to you" in sent.body
    assert f"/app/inbox/{conversations.north.pk}/" in sent.body


def test_assignment_seen_in_time_is_not_mailed(cast, conversations, mailoutbox):
    ask(cast.alice, "conversations:assign", conversationId=str(conversations.north.pk), operatorId=str(cast.bob.pk))
    ask(cast.bob, "presence:touch", conversationId=str(conversations.north.pk))
    with travel_forward(minutes=6):
        assert mail.send_notification_emails() == 0
    assert mailoutbox == []


def test_assignments_are_retried_while_the_mail_server_is_unreachable(cast, conversations, mailoutbox, settings):
    for conversation in (conversations.north, make_conversation(cast.north)):
        ask(cast.alice, "conversations:assign", conversationId=str(conversation.pk), operatorId=str(cast.bob.pk))
    settings.EMAIL_BACKEND = "tests.inbox.test_mail.UnreachableMailServer"
    with travel_forward(minutes=6):
        assert mail.send_notification_emails() == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    with travel_forward(minutes=17):
        assert mail.send_notification_emails() == 1
    assert "2 conversations" in mailoutbox[0].subject
