"""Alerts of new assignments, in the inbox and by e-mail."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Operator
from brands.models import OperatorBrand
from conversations import actions, mail
from conversations.models import Notification
from tests.conftest import make_conversation
from tests.inbox.test_assignments import assign_to
from tests.inbox.test_lists_and_unread_counts import unread_of
from tests.inbox.test_mail import travel_forward
from tests.sync.live_client import call_as

pytestmark = pytest.mark.django_db


def assignments(operator):
    found = call_as(operator, "inbox:assignments")
    assert found["count"] == len(found["newest"])
    return [(each["assignedBy"], each["conversationId"]) for each in found["newest"]]


def test_assignment_is_listed_until_the_conversation_is_opened(tenants, conversations):
    north = str(conversations.north.pk)
    call_as(tenants.alice, "conversations:assign", conversationId=north, operatorId=str(tenants.bob.pk))
    assert assignments(tenants.bob) == [("Alice", north)]
    assert call_as(tenants.bob, "inbox:mentions") == []
    assert call_as(tenants.bob, "inbox:counts")["mentions"] == 0
    assert assignments(tenants.alice) == assignments(tenants.mallory) == []
    call_as(tenants.bob, "presence:touch", conversationId=north)
    assert assignments(tenants.bob) == []


def test_assigning_to_oneself_creates_no_alert(tenants, conversations):
    call_as(
        tenants.bob, "conversations:assign", conversationId=str(conversations.north.pk), operatorId=str(tenants.bob.pk)
    )
    assert assignments(tenants.bob) == []


def test_bulk_assignments_are_listed_and_dismissed_together(tenants, conversations):
    ids = [str(make_conversation(tenants.north).pk) for _ in range(3)]
    call_as(tenants.alice, "conversations:change", conversationIds=ids, operatorId=str(tenants.bob.pk))
    assert sorted(pk for _, pk in assignments(tenants.bob)) == sorted(ids)
    call_as(tenants.bob, "inbox:seeAssignments")
    assert assignments(tenants.bob) == []


def test_assignment_newer_than_the_seen_ones_stays_listed(tenants, conversations):
    seen, later = make_conversation(tenants.north), make_conversation(tenants.north)
    assign_to(seen, tenants.bob)
    assign_to(later, tenants.bob)
    Notification.objects.filter(conversation=later).update(created_at=timezone.now() + timedelta(seconds=1))
    until = next(
        each for each in call_as(tenants.bob, "inbox:assignments")["newest"] if each["conversationId"] == str(seen.pk)
    )
    call_as(tenants.bob, "inbox:seeAssignments", until=until["createdAt"])
    assert [pk for _, pk in assignments(tenants.bob)] == [str(later.pk)]


def test_assignment_that_is_withdrawn_is_no_longer_listed(tenants, conversations):
    assign_to(conversations.north, tenants.bob)
    assert len(assignments(tenants.bob)) == 1
    assign_to(conversations.north, None)
    assert assignments(tenants.bob) == []
    assert not Notification.objects.filter(is_loss=False).exists()


def test_assignment_is_hidden_after_losing_access_to_the_brand(tenants, conversations):
    assign_to(conversations.north, tenants.bob)
    OperatorBrand.objects.filter(operator=tenants.bob).delete()
    assert assignments(tenants.bob) == []


def test_unseen_assignments_are_mailed_once_in_one_mail(tenants, conversations, mailoutbox):
    more = make_conversation(tenants.north, name="Zoe")
    for conversation in (conversations.north, more):
        call_as(
            tenants.alice, "conversations:assign", conversationId=str(conversation.pk), operatorId=str(tenants.bob.pk)
        )
    assert mail.send_notification_emails() == 0
    with travel_forward(minutes=6):
        assert mail.send_notification_emails() == 1
        assert mail.send_notification_emails() == 0
    [sent] = mailoutbox
    assert (sent.to, sent.subject) == (["bob@acme.example"], "Alice assigned 2 conversations to you on PraxTalk")
    assert "Alice assigned the conversation with Zoe to you" in sent.body
    assert f"/app/inbox/{conversations.north.pk}/" in sent.body


def test_assignment_seen_in_time_is_not_mailed(tenants, conversations, mailoutbox):
    call_as(
        tenants.alice,
        "conversations:assign",
        conversationId=str(conversations.north.pk),
        operatorId=str(tenants.bob.pk),
    )
    call_as(tenants.bob, "presence:touch", conversationId=str(conversations.north.pk))
    with travel_forward(minutes=6):
        assert mail.send_notification_emails() == 0
    assert mailoutbox == []


def test_assignments_are_retried_while_the_mail_server_is_unreachable(tenants, conversations, mailoutbox, settings):
    for conversation in (conversations.north, make_conversation(tenants.north)):
        call_as(
            tenants.alice, "conversations:assign", conversationId=str(conversation.pk), operatorId=str(tenants.bob.pk)
        )
    settings.EMAIL_BACKEND = "tests.inbox.test_mail.UnreachableMailServer"
    with travel_forward(minutes=6):
        assert mail.send_notification_emails() == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    with travel_forward(minutes=17):
        assert mail.send_notification_emails() == 1
    assert "2 conversations" in mailoutbox[0].subject


# --- losses, and what is unread ---


def losses(operator):
    found = call_as(operator, "inbox:assignments")["lost"]
    return [(each["assignedBy"], each["conversationId"], each["assignedTo"]) for each in found]


def take(operator, conversation, to):
    call_as(
        operator, "conversations:assign", conversationId=str(conversation.pk), operatorId=str(to.pk) if to else None
    )


@pytest.mark.parametrize("to", ["Alice", "Dave", None])
def test_operator_is_told_who_took_a_conversation_from_them(tenants, conversations, mailoutbox, to):
    dave = Operator.objects.create(workspace=tenants.acme, email="dave@acme.example", name="Dave")
    assign_to(conversations.north, tenants.bob)
    take(tenants.alice, conversations.north, {"Alice": tenants.alice, "Dave": dave, None: None}[to])
    north = str(conversations.north.pk)
    assert losses(tenants.bob) == [("Alice", north, to)]
    assert assignments(tenants.bob) == []
    assert losses(tenants.alice) == losses(tenants.mallory) == losses(dave) == []
    with travel_forward(minutes=6):
        mail.send_notification_emails()
    assert "bob@acme.example" not in [address for each in mailoutbox for address in each.to]
    call_as(tenants.bob, "presence:touch", conversationId=north)
    assert losses(tenants.bob) == []


def test_giving_a_conversation_away_oneself_is_not_told(tenants, conversations):
    assign_to(conversations.north, tenants.bob)
    take(tenants.bob, conversations.north, tenants.alice)
    assert losses(tenants.bob) == []


def test_loss_is_told_until_the_conversation_comes_back(tenants, conversations):
    dave = Operator.objects.create(workspace=tenants.acme, email="dave@acme.example", name="Dave")
    assign_to(conversations.north, tenants.bob)
    take(tenants.alice, conversations.north, tenants.alice)
    take(tenants.alice, conversations.north, dave)
    assert losses(tenants.bob) == [("Alice", str(conversations.north.pk), "Alice")]
    take(tenants.alice, conversations.north, tenants.bob)
    assert (losses(tenants.bob), assignments(tenants.bob)) == ([], [("Alice", str(conversations.north.pk))])


def test_losses_are_dismissed_with_the_assignments(tenants, conversations):
    assign_to(conversations.north, tenants.bob)
    take(tenants.alice, conversations.north, None)
    call_as(tenants.bob, "inbox:seeAssignments")
    assert losses(tenants.bob) == []


def test_operator_who_no_longer_sees_the_brand_is_not_told(tenants, conversations):
    assign_to(conversations.north, tenants.bob)
    take(tenants.alice, conversations.north, None)
    OperatorBrand.objects.filter(operator=tenants.bob).delete()
    assert losses(tenants.bob) == []


def test_conversation_is_unread_for_the_operator_to_whom_it_is_assigned(tenants, conversations):
    north = str(conversations.north.pk)
    for operator in (tenants.alice, tenants.bob):
        call_as(operator, "presence:touch", conversationId=north)
    before = call_as(tenants.bob, "inbox:counts")["unread"]
    take(tenants.alice, conversations.north, tenants.bob)
    assert (unread_of(tenants.bob)[north], unread_of(tenants.alice)[north]) == (True, False)
    counts = call_as(tenants.bob, "inbox:counts")
    assert (counts["unread"], counts["newest"]["seen"]) == (before + 1, True)
    call_as(tenants.bob, "presence:touch", conversationId=north)
    assert call_as(tenants.bob, "inbox:counts")["unread"] == before


def test_taking_a_conversation_oneself_leaves_it_read(tenants, conversations):
    call_as(tenants.bob, "presence:touch", conversationId=str(conversations.north.pk))
    take(tenants.bob, conversations.north, tenants.bob)
    assert not unread_of(tenants.bob)[str(conversations.north.pk)]


def test_reassigned_conversations_are_unread_for_the_successor(tenants, conversations):
    assign_to(conversations.north, tenants.bob)
    dave = Operator.objects.create(workspace=tenants.acme, email="dave@acme.example", name="Dave")
    call_as(dave, "presence:touch", conversationId=str(conversations.north.pk))
    actions.change_operator(tenants.bob, by=tenants.alice, successor=dave, is_active=False)
    assert unread_of(dave)[str(conversations.north.pk)]
    assert losses(tenants.alice) == []
