"""Conversations never wait for somebody who cannot answer them, and whoever is given one is told."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Operator
from brands.models import OperatorBrand
from conversations import actions, mail
from conversations.models import Activity, Conversation, Mention
from tests.conftest import make_talk
from tests.inbox.test_functions import write
from tests.inbox.test_mail import later
from tests.sync.live_client import ask, topics_of

pytestmark = pytest.mark.django_db


def give(talk, operator):
    return actions.assign(talk, operator=operator)


@pytest.fixture
def carol(cast):
    """An operator of South only."""
    made = Operator.objects.create(workspace=cast.acme, email="carol@acme.example", name="Carol", sees_all_brands=False)
    OperatorBrand.objects.create(workspace=cast.acme, operator=made, brand=cast.south)
    return made


def form_of(operator, **changes):
    brands = [str(pk) for pk in operator.brands.values_list("pk", flat=True)]
    form = {"name": operator.name, "role": operator.role, "is_active": "on", "brands": brands}
    if operator.sees_all_brands:
        form["sees_all_brands"] = "on"
    form |= changes
    return {name: value for name, value in form.items() if value is not None}


def path_of(operator):
    return f"/app/team/{operator.pk}/change/"


def assignee_of(talk):
    talk.refresh_from_db()
    return talk.assignee


# --- deactivating an operator, and taking brands away ---


def test_form_says_how_many_conversations_and_offers_who_sees_their_brands(client, cast, talks, carol):
    give(talks.north, cast.bob)
    client.force_login(cast.alice)
    page = client.get(path_of(cast.bob)).content.decode()
    assert "1 open or snoozed conversation is assigned to Bob" in page
    assert "Nobody: they become unassigned" in page
    assert ">Alice</option>" in page
    assert "Carol" not in page  # sees South only
    assert "Mallory" not in page
    assert "Hand conversations over" not in client.get(path_of(carol)).content.decode()  # who has none


@pytest.mark.parametrize("takes", [True, False])
def test_deactivating_hands_open_and_snoozed_conversations_over(client, cast, talks, takes):
    snoozed, closed = make_talk(cast.north), make_talk(cast.north)
    for talk in (talks.north, snoozed, closed):
        give(talk, cast.bob)
    actions.set_status(snoozed, status="snoozed")
    actions.set_status(closed, status="closed")
    talks.north.refresh_from_db()
    before = talks.north.updated_at
    client.force_login(cast.alice)
    form = form_of(cast.bob, is_active=None, successor=str(cast.alice.pk) if takes else "")
    assert client.post(path_of(cast.bob), form).status_code == 302
    cast.bob.refresh_from_db()
    assert not cast.bob.is_active
    for talk in (talks.north, snoozed):
        assert assignee_of(talk) == (cast.alice if takes else None)
        line = Activity.objects.filter(conversation=talk).latest("position")
        assert (line.kind, line.actor, line.position) == ("assigned", "Alice", talk.last_position)
        assert (line.details["to"] or {}).get("name") == ("Alice" if takes else None)
    assert talks.north.updated_at > before
    assert assignee_of(closed) == cast.bob


def test_colleague_gets_none_of_a_brand_that_they_do_not_see(client, cast, talks, carol):
    create = Operator.objects.create_operator
    dave = create(workspace=cast.acme, email="dave@acme.example", name="Dave", password="da-ve-9")
    for talk in (talks.north, talks.south):
        give(talk, dave)
    client.force_login(cast.alice)
    form = form_of(dave, is_active=None, successor=str(carol.pk))
    answer = client.post(path_of(dave), form, follow=True)
    assert "2 conversations are assigned to Carol, as far as they see the brands." in answer.content.decode()
    assert (assignee_of(talks.south), assignee_of(talks.north)) == (carol, None)


def test_successor_of_another_workspace_or_without_the_brand_is_refused(client, cast, talks, carol):
    give(talks.north, cast.bob)
    client.force_login(cast.alice)
    for wrong in (cast.mallory, carol, cast.bob):
        answer = client.post(path_of(cast.bob), form_of(cast.bob, is_active=None, successor=str(wrong.pk)))
        assert answer.status_code == 200  # the form again
    assert assignee_of(talks.north) == cast.bob


def test_rival_cannot_hand_over(client, cast, talks):
    give(talks.north, cast.bob)
    client.force_login(cast.mallory)
    assert client.post(path_of(cast.bob), form_of(cast.bob, is_active=None)).status_code == 404
    assert assignee_of(talks.north) == cast.bob


def test_taking_a_brand_away_unassigns_its_conversations_only(cast, talks):
    OperatorBrand.objects.create(workspace=cast.acme, operator=cast.bob, brand=cast.south)
    for talk in (talks.north, talks.south):
        give(talk, cast.bob)
    actions.change_operator(cast.bob, by=cast.alice, brands=[cast.south])
    assert (assignee_of(talks.north), assignee_of(talks.south)) == (None, cast.bob)


def test_ten_thousand_conversations_are_handed_over_in_few_statements(cast, talks):
    visitor = talks.north.visitor
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


def test_lists_and_threads_are_told_of_a_handover(cast, talks, django_capture_on_commit_callbacks, monkeypatch):
    give(talks.north, cast.bob)
    told = set()
    monkeypatch.setattr("praxtalk.core.live.topics._publish", told.update)
    with django_capture_on_commit_callbacks(execute=True):
        actions.change_operator(cast.bob, by=cast.alice, is_active=False)
    assert topics_of(cast.alice, "inbox:list") & told
    assert topics_of(cast.alice, "inbox:thread", conversationId=str(talks.north.pk)) & told


@pytest.mark.parametrize("why", ["deactivated", "without the brand"])
def test_message_to_somebody_who_is_gone_waits_for_everybody(cast, talks, why):
    """However it came that they are gone: here behind the back of the team's page."""
    give(talks.north, cast.bob)
    actions.set_status(talks.north, status="resolved")
    ask(cast.alice, "presence:touch", conversationId=str(talks.north.pk))
    if why == "deactivated":
        Operator.objects.filter(pk=cast.bob.pk).update(is_active=False)
    else:
        OperatorBrand.objects.filter(operator=cast.bob).delete()
    before = ask(cast.alice, "inbox:counts")
    write(talks.north)
    after = ask(cast.alice, "inbox:counts")
    assert after["unread"] == before["unread"] + 1
    assert after["unassigned"] == before["unassigned"] + 1
    assert after["newest"]["conversationId"] == str(talks.north.pk)
    line = Activity.objects.filter(conversation=talks.north, kind="assigned").latest("position")
    assert (line.actor, line.details) == ("PraxTalk", {"to": None, "absent": "Bob"})


# --- the end of a snooze ---


def snooze(talk, until):
    actions.set_status(talk, status="snoozed", snoozed_until=until)
    talk.refresh_from_db()


def test_end_of_a_snooze_is_newest_unread_and_told_in_the_thread(cast, talks, crm):
    of_north = {"conversationId": str(talks.north.pk)}
    give(talks.north, cast.bob)
    make_talk(cast.north, name="Newer")
    snooze(talks.north, until=timezone.now() + timedelta(hours=1))
    ask(cast.bob, "presence:touch", **of_north)
    before, last_message_at = ask(cast.bob, "inbox:counts")["unread"], talks.north.last_message_at
    assert actions.wake_next_snoozed() is None
    with later(hours=2):
        assert actions.wake_next_snoozed() == talks.north
        assert actions.wake_next_snoozed() is None
        counts, rows = ask(cast.bob, "inbox:counts"), ask(cast.bob, "inbox:list")["rows"]
    assert counts["unread"] == before + 1
    assert counts["newest"]["conversationId"] == str(talks.north.pk)
    assert counts["newest"]["snoozeEnded"] is True
    assert (rows[0]["_id"], rows[0]["unread"]) == (str(talks.north.pk), True)
    assert rows[0]["lastActivityAt"] > rows[0]["lastMessageAt"]
    line = ask(cast.bob, "inbox:thread", **of_north)["entries"][-1]
    assert line["details"] == {"status": "open", "previous": "snoozed", "snoozeEnded": True}
    talks.north.refresh_from_db()
    assert talks.north.last_message_at == last_message_at  # as REST promises
    filter_conversations = crm.get("/api/v1/conversations?limit=1").json()
    assert filter_conversations["conversations"][0]["_id"] == str(talks.north.pk)
    more = crm.get(f"/api/v1/conversations?cursor={filter_conversations['nextCursor']}").json()["conversations"]
    assert str(talks.north.pk) not in [each["_id"] for each in more]
    ask(cast.bob, "presence:touch", **of_north)
    assert ask(cast.bob, "inbox:counts")["unread"] == before


def test_visitor_who_writes_ends_the_snooze(cast, talks):
    snooze(talks.north, until=None)
    write(talks.north)
    talks.north.refresh_from_db()
    assert talks.north.status == "open"
    line = Activity.objects.filter(conversation=talks.north).latest("position")
    assert (line.actor, line.details["snoozeEnded"]) == ("Maya A.", True)
    assert ask(cast.bob, "inbox:list")["rows"][0]["unread"]


def test_operator_who_reopens_a_snoozed_conversation_ends_no_snooze(cast, talks):
    snooze(talks.north, until=None)
    ask(cast.bob, "conversations:setStatus", conversationId=str(talks.north.pk), status="open")
    line = Activity.objects.filter(conversation=talks.north).latest("position")
    assert (line.actor, line.details) == ("Bob", {"status": "open", "previous": "snoozed"})


def test_snooze_of_somebody_who_is_gone_ends_for_everybody(cast, talks):
    give(talks.north, cast.bob)
    snooze(talks.north, until=timezone.now() + timedelta(hours=1))
    ask(cast.alice, "presence:touch", conversationId=str(talks.north.pk))
    before = ask(cast.alice, "inbox:counts")["unread"]
    Operator.objects.filter(pk=cast.bob.pk).update(is_active=False)
    with later(hours=2):
        actions.wake_next_snoozed()
    assert ask(cast.alice, "inbox:counts")["unread"] == before + 1


# --- being assigned ---


def assignments(operator):
    found = ask(operator, "inbox:assignments")
    assert found["count"] == len(found["newest"])
    return [(each["assignedBy"], each["conversationId"]) for each in found["newest"]]


def test_whoever_is_assigned_is_told_until_they_look(cast, talks):
    north = str(talks.north.pk)
    ask(cast.alice, "conversations:assign", conversationId=north, operatorId=str(cast.bob.pk))
    assert assignments(cast.bob) == [("Alice", north)]
    assert ask(cast.bob, "inbox:mentions") == []
    assert ask(cast.bob, "inbox:counts")["mentions"] == 0
    assert assignments(cast.alice) == assignments(cast.mallory) == []
    ask(cast.bob, "presence:touch", conversationId=north)
    assert assignments(cast.bob) == []


def test_who_assigns_to_themselves_is_not_told(cast, talks):
    ask(cast.bob, "conversations:assign", conversationId=str(talks.north.pk), operatorId=str(cast.bob.pk))
    assert assignments(cast.bob) == []


def test_many_at_once_are_told_and_known_at_once(cast, talks):
    ids = [str(make_talk(cast.north).pk) for _ in range(3)]
    ask(cast.alice, "conversations:change", conversationIds=ids, operatorId=str(cast.bob.pk))
    assert sorted(pk for _, pk in assignments(cast.bob)) == sorted(ids)
    ask(cast.bob, "inbox:seeAssignments")
    assert assignments(cast.bob) == []


def test_an_assignment_that_comes_after_the_ones_that_were_seen_stays(cast, talks):
    seen, later = make_talk(cast.north), make_talk(cast.north)
    give(seen, cast.bob)
    give(later, cast.bob)
    Mention.objects.filter(conversation=later).update(created_at=timezone.now() + timedelta(seconds=1))
    until = next(
        each for each in ask(cast.bob, "inbox:assignments")["newest"] if each["conversationId"] == str(seen.pk)
    )
    ask(cast.bob, "inbox:seeAssignments", until=until["createdAt"])
    assert [pk for _, pk in assignments(cast.bob)] == [str(later.pk)]


def test_who_loses_it_again_before_looking_is_told_no_more(cast, talks):
    give(talks.north, cast.bob)
    assert len(assignments(cast.bob)) == 1
    give(talks.north, None)
    assert assignments(cast.bob) == []
    assert not Mention.objects.exists()


def test_who_no_longer_sees_the_brand_is_shown_nothing_of_it(cast, talks):
    give(talks.north, cast.bob)
    OperatorBrand.objects.filter(operator=cast.bob).delete()
    assert assignments(cast.bob) == []


def test_assignments_that_are_not_looked_at_are_mailed_once_and_together(cast, talks, mailoutbox):
    more = make_talk(cast.north, name="Zoe")
    for talk in (talks.north, more):
        ask(cast.alice, "conversations:assign", conversationId=str(talk.pk), operatorId=str(cast.bob.pk))
    assert mail.mail_mentions() == 0
    with later(minutes=6):
        assert mail.mail_mentions() == 1
        assert mail.mail_mentions() == 0
    [sent] = mailoutbox
    assert (sent.to, sent.subject) == (["bob@acme.example"], "Alice assigned 2 conversations to you on PraxTalk")
    assert "Alice assigned the conversation with Zoe to you" in sent.body
    assert f"/app/inbox/{talks.north.pk}/" in sent.body


def test_assignment_that_is_looked_at_in_time_is_not_mailed(cast, talks, mailoutbox):
    ask(cast.alice, "conversations:assign", conversationId=str(talks.north.pk), operatorId=str(cast.bob.pk))
    ask(cast.bob, "presence:touch", conversationId=str(talks.north.pk))
    with later(minutes=6):
        assert mail.mail_mentions() == 0
    assert mailoutbox == []


def test_assignments_wait_for_the_mail_server(cast, talks, mailoutbox, settings):
    for talk in (talks.north, make_talk(cast.north)):
        ask(cast.alice, "conversations:assign", conversationId=str(talk.pk), operatorId=str(cast.bob.pk))
    settings.EMAIL_BACKEND = "tests.inbox.test_mail.Away"
    with later(minutes=6):
        assert mail.mail_mentions() == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    with later(minutes=17):
        assert mail.mail_mentions() == 1
    assert "2 conversations" in mailoutbox[0].subject
