"""Every action tells those who watch what it changed."""

import ast
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings
from django.utils import timezone

from accounts import operator_tokens
from accounts.actions import team, workspaces
from accounts.actions.preferences import update_preferences
from brands import actions as brand_actions
from conversations import actions as talk_actions
from conversations.actions import canned_replies, erasure
from conversations.models import Channel, Conversation, Message, Visitor
from data_requests.actions import erase
from leads import actions as lead_actions
from praxtalk.core.live.topics import capture_topics
from tests.sync.live_client import ask, topics_of
from tests.sync.sockets import Failed
from widget import actions as widget_actions

pytestmark = pytest.mark.django_db

PERSON = widget_actions.VisitorDetails(name="Maya", email="maya@example.com")
VISITOR = {"role": Message.Role.VISITOR, "channel": Channel.WIDGET}


def a_visitor(cast):
    return Visitor.objects.create(workspace=cast.acme, brand=cast.north, name="New")


def snoozed_until_now(talks):
    Conversation.objects.filter(pk=talks.north.pk).update(status="snoozed", snoozed_until=timezone.now())


@pytest.fixture
def talks(cast, talks):
    """With a tag, that North's conversation has, a canned reply, and somebody who is invited."""
    talks.tag = talk_actions.create_tag(cast.acme.pk, name="vip")
    talk_actions.change_tags(talks.north, add=[talks.tag.pk])
    talks.reply = canned_replies.create_canned_reply(cast.acme.pk, shortcut="hi", body="Hello!")
    talks.invited = team.invite(cast.alice, email="carol@acme.example", name="Carol", role="operator")
    return talks


# name of the action: (what comes before it, itself)
DOES = {
    "create_workspace": (
        None,
        lambda c, t: brand_actions.create_workspace(
            name="New", brand_name="New", owner_email="n@example.com", owner_name="N", password="long-enough-9"
        ),
    ),
    "rename_workspace": (None, lambda c, t: workspaces.rename_workspace(c.acme, name="New")),
    "create_brand": (None, lambda c, t: brand_actions.create_brand(c.acme, name="New")),
    "begin_conversation": (
        None,
        lambda c, t: talk_actions.begin_conversation(a_visitor(c), body="Hi", channel=Channel.WIDGET),
    ),
    "send_message": (None, lambda c, t: talk_actions.send_message(t.north, body="Hi", **VISITOR)),
    "set_status": (None, lambda c, t: talk_actions.set_status(t.north, status="resolved")),
    "assign": (None, lambda c, t: talk_actions.assign(t.north, operator=c.bob)),
    "touch_presence": (None, lambda c, t: talk_actions.touch_presence(t.north, operator=c.bob, is_typing=True)),
    "wake_next_snoozed": (lambda c, t: snoozed_until_now(t), lambda c, t: talk_actions.wake_next_snoozed()),
    "create_lead": (None, lambda c, t: lead_actions.create_lead(c.acme.pk, name="New", brand=c.north)),
    "update_lead": (None, lambda c, t: lead_actions.update_lead(t.north_lead, status="won")),
    "write_note": (
        None,
        lambda c, t: talk_actions.write_note(t.north, author=c.alice, body="Hi", mentioned=[c.bob]),
    ),
    "create_tag": (None, lambda c, t: talk_actions.create_tag(c.acme.pk, name="new")),
    "rename_tag": (None, lambda c, t: talk_actions.rename_tag(t.tag, name="old")),
    "delete_tag": (None, lambda c, t: talk_actions.delete_tag(t.tag)),
    "change_tags": (None, lambda c, t: talk_actions.change_tags(t.south, add=[t.tag.pk])),
    "rate": (
        lambda c, t: talk_actions.set_status(t.north, status="resolved"),
        lambda c, t: talk_actions.rate(t.north, rating=5),
    ),
    "request_transcript": (None, lambda c, t: talk_actions.request_transcript(t.north)),
    "block_visitor": (None, lambda c, t: talk_actions.block_visitor(t.north, is_blocked=True)),
    "create_canned_reply": (
        None,
        lambda c, t: canned_replies.create_canned_reply(c.acme.pk, shortcut="bye", body="Bye!", brand=c.north),
    ),
    "change_canned_reply": (None, lambda c, t: canned_replies.change_canned_reply(t.reply, brand=c.south)),
    "delete_canned_reply": (None, lambda c, t: canned_replies.delete_canned_reply(t.reply)),
    "invite": (None, lambda c, t: team.invite(c.alice, email="dan@acme.example", name="Dan", role="operator")),
    "invite_again": (None, lambda c, t: team.invite_again(t.invited)),
    "join": (None, lambda c, t: team.join(t.invited, password="long-enough-9")),
    "change_operator": (None, lambda c, t: team.change_operator(c.bob, by=c.alice, name="Robert")),
    "revoke_invitation": (None, lambda c, t: team.revoke_invitation(t.invited, by=c.alice)),
    "reset_two_factor": (None, lambda c, t: team.reset_two_factor(c.bob, by=c.alice)),
    "update_preferences": (None, lambda c, t: update_preferences(c.bob, sound=False)),
    "read_until": (None, lambda c, t: talk_actions.read_until(t.north, by_visitor=1, visitor_types=True)),
    "configure_widget": (None, lambda c, t: brand_actions.configure_widget(c.north, primary_color="#000000")),
    "rotate_identity_secret": (None, lambda c, t: brand_actions.rotate_identity_secret(c.north)),
    "show_identity_secret": (None, lambda c, t: brand_actions.show_identity_secret(c.north)),
    "start": (None, lambda c, t: widget_actions.start(c.north, PERSON, body="Hi", client_id=uuid4())),
    "send_visitor_message": (
        None,
        lambda c, t: widget_actions.send_visitor_message(t.north.visitor, body="Hi", client_id=uuid4()),
    ),
    "update": (
        None,
        lambda c, t: widget_actions.update(t.north.visitor, widget_actions.VisitorDetails(name="New", external_id="1")),
    ),
    "identify": (
        None,
        lambda c, t: widget_actions.identify(
            c.north, widget_actions.VisitorDetails(name="Anna", external_id="anna"), anonymous=t.north.visitor
        ),
    ),
    "erase_visitor": (None, lambda c, t: erasure.erase_visitor(t.north.visitor, and_events_about=[])),
    "erase": (None, lambda c, t: erase(t.north.visitor)),
    "merge_visitor": (None, lambda c, t: talk_actions.merge_visitor(t.north.visitor, into=a_visitor(c))),
    "hand_over": (
        lambda c, t: Conversation.objects.filter(pk=t.south.pk).update(assignee=c.bob),
        lambda c, t: talk_actions.hand_over(c.bob, to=None),
    ),
    "see_assignments": (
        lambda c, t: talk_actions.assign(t.north, operator=c.bob),
        lambda c, t: talk_actions.see_assignments(c.bob),
    ),
    "note_context": (None, lambda c, t: widget_actions.note_context(t.north.visitor, time_zone="Asia/Tokyo")),
    "issue_token": (None, lambda c, t: operator_tokens.issue_token(c.alice)),
    "revoke": (None, lambda c, t: operator_tokens.revoke(c.bob.sessions.first())),
    "revoke_dashboard_tokens": (
        None,
        lambda c, t: operator_tokens.revoke_dashboard_tokens(c.bob),
    ),  # what it ends is in tests/inbox
}
CHANGES_NOTHING_THAT_IS_WATCHED = {
    "create_workspace",
    "rename_workspace",
    *("issue_token", "revoke_dashboard_tokens"),
    "rotate_identity_secret",
    "show_identity_secret",
    *("invite", "invite_again", "revoke_invitation", "reset_two_factor"),
}
CONVERSATIONS = (
    *(
        "assignment",
        "messages",
        "notes",
        "erasure",
        "canned_replies",
        "ratings",
        "read_receipts",
        "_base",
        "statuses",
        "tags",
        "team",
        "transcripts",
        "visitors",
    ),
)
ACTIONS = [
    *(f"conversations/actions/{name}.py" for name in CONVERSATIONS),
    "brands/actions.py",
    "accounts/actions/preferences.py",
    "accounts/actions/team.py",
    "accounts/actions/workspaces.py",
    "accounts/operator_tokens.py",
    "leads/actions.py",
    "widget/actions.py",
    "data_requests/actions.py",
]


def test_the_table_holds_every_action():
    found = set()
    for path in ACTIONS:
        for node in ast.parse((Path(settings.BASE_DIR) / path).read_text()).body:
            if isinstance(node, ast.FunctionDef) and any(
                "joined_transaction" in ast.unparse(each) for each in node.decorator_list
            ):
                found.add(node.name.lstrip("_"))
    assert found == set(DOES)
    modules = {str(path.relative_to(settings.BASE_DIR)) for path in Path(settings.BASE_DIR).glob("*/actions.py")}
    assert modules <= set(ACTIONS)
    assert {path.stem for path in Path(settings.BASE_DIR).glob("conversations/actions/*.py")} == {
        *CONVERSATIONS,
        "__init__",
    }


def views(cast, talks):
    """Every query that somebody of Acme may watch: (who, name, arguments)."""
    of_talk = [{"conversationId": str(talk.pk)} for talk in (talks.north, talks.south)]
    of_brand = [{}, {"brandId": str(cast.north.pk)}]
    for operator in (cast.alice, cast.bob):
        yield operator, "brands:list", {}
        for arguments in of_brand:
            for name in ("conversations:counts", "leads:list", "conversations:listInbox"):
                yield operator, name, arguments
            yield operator, "conversations:listInbox", {**arguments, "status": "open", "assignee": "me"}
            yield operator, "conversations:listInbox", {**arguments, "q": "hi"}
            for name in ("inbox:list", "inbox:counts", "cannedReplies:list", "operators:list"):
                yield operator, name, arguments
        for name in ("inbox:mentions", "inbox:assignments", "tags:list", "operators:me"):
            yield operator, name, {}
        for talk in (talks.north, talks.south):
            yield operator, "visitors:get", {"visitorId": str(talk.visitor_id)}
        for arguments in of_talk:
            for name in ("conversations:get", "messages:list", "presence:list", "presence:visitor", "inbox:thread"):
                yield operator, name, arguments


def seen(cast, talks):
    def value(operator, name, arguments):
        try:
            return ask(operator, name, **arguments)
        except Failed as refused:
            return refused.code

    return [value(*view) for view in views(cast, talks)]


@pytest.mark.parametrize("action", DOES)
def test_what_an_action_changes_it_announces(cast, talks, action, django_capture_on_commit_callbacks):
    prepare, do = DOES[action]
    _, session = operator_tokens.issue_token(cast.bob)
    if prepare:
        prepare(cast, talks)
    before = seen(cast, talks)
    with capture_topics() as announced, django_capture_on_commit_callbacks(execute=True):
        do(cast, talks)
    changed = [view for view, was, now in zip(views(cast, talks), before, seen(cast, talks), strict=True) if was != now]
    assert bool(changed) == (action not in CHANGES_NOTHING_THAT_IS_WATCHED | {"revoke"})
    for operator, name, arguments in changed:
        assert topics_of(operator, name, **arguments) & announced, (name, arguments)
    if action == "revoke":
        assert announced == {f"operator_session.{session.pk}"}


def test_a_rollback_announces_nothing(cast, talks, django_capture_on_commit_callbacks):
    from django.db import transaction

    with capture_topics() as announced, django_capture_on_commit_callbacks(execute=True):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            talk_actions.send_message(talks.north, body="Hi", **VISITOR)
            raise ZeroDivisionError
        talk_actions.set_status(talks.south, status="resolved")
    assert any(str(talks.south.pk) in topic for topic in announced)
    assert not any(str(talks.north.pk) in topic for topic in announced)


def test_no_other_workspace_hears_of_it(cast, talks, django_capture_on_commit_callbacks):
    with capture_topics() as announced, django_capture_on_commit_callbacks(execute=True):
        talk_actions.send_message(talks.north, body="Hi", **VISITOR)
    of_north = {"conversationId": str(talks.north.pk)}
    for operator, name, arguments in (
        (cast.mallory, "conversations:listInbox", {}),
        (cast.mallory, "messages:list", of_north),
        (cast.mallory, "presence:list", of_north),
    ):
        assert not topics_of(operator, name, **arguments) & announced
