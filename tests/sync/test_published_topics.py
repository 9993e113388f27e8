"""Every action publishes the topics of the queries whose results it changes."""

import ast
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.actions import operator_tokens, passwords, team, workspaces
from accounts.actions.preferences import update_preferences
from accounts.models import Operator, Workspace
from accounts.operator_tokens import operators
from brands import actions as brand_actions
from conversations import actions as conversation_actions
from conversations.actions import canned_replies, erasure
from conversations.models import Channel, Conversation, Message, Visitor
from data_requests.actions import delete_demo, erase_visitor_and_leads
from leads import actions as lead_actions
from praxtalk.core.live import executor, functions
from praxtalk.core.live.topics import capture_topics
from tests.recorded_rows import digest_of_all_rows, reuse_rows
from tests.sync.live_client import topics_of
from widget import actions as widget_actions

pytestmark = pytest.mark.django_db

PERSON = widget_actions.VisitorDetails(name="Maya", email="maya@example.com")
VISITOR = {"role": Message.Role.VISITOR, "channel": Channel.WIDGET}


def create_visitor(tenants):
    return Visitor.objects.create(workspace=tenants.acme, brand=tenants.north, name="New")


def create_dan(tenants):
    create = Operator.objects.create_operator
    return create(workspace=tenants.acme, name="Dan", email="dan@acme.example", password="da-niel-9")


def make_snooze_due(conversations):
    Conversation.objects.filter(pk=conversations.north.pk).update(status="snoozed", snoozed_until=timezone.now())


@pytest.fixture
def conversations(tenants, conversations):
    """Add a tag, which North's conversation has, a canned reply and an invited operator to the `conversations` fixture."""
    return reuse_rows(add_tag_reply_and_invited_operator, tenants, conversations)


def add_tag_reply_and_invited_operator(tenants, conversations):
    tag = conversation_actions.create_tag(tenants.acme.pk, name="vip")
    conversation_actions.change_tags(conversations.north, add=[tag.pk])
    reply = canned_replies.create_canned_reply(tenants.acme.pk, shortcut="hi", body="Hello!")
    invited = team.invite(tenants.alice, email="carol@acme.example", name="Carol", role="operator")
    return SimpleNamespace(**vars(conversations), tag=tag, reply=reply, invited=invited)


# name of the action: (a preparation or None, a call of the action)
ACTIONS_BY_NAME = {
    "create_workspace": (
        None,
        lambda c, t: brand_actions.create_workspace(
            name="New", brand_name="New", owner_email="n@example.com", owner_name="N", password="long-enough-9"
        ),
    ),
    "create_first_workspace": (
        lambda c, t: Workspace.objects.update(is_demo=True),
        lambda c, t: brand_actions.create_first_workspace(
            name="New", brand_name="New", owner_email="n@example.com", owner_name="N", password="long-enough-9"
        ),
    ),
    "delete_demo": (
        lambda c, t: Workspace.objects.filter(pk=c.globex.pk).update(is_demo=True),
        lambda c, t: delete_demo(c.globex),
    ),
    "rename_workspace": (None, lambda c, t: workspaces.rename_workspace(c.acme, name="New")),
    "create_brand": (None, lambda c, t: brand_actions.create_brand(c.acme, name="New")),
    "send_first_message": (
        None,
        lambda c, t: conversation_actions.send_first_message(create_visitor(c), body="Hi", channel=Channel.WIDGET),
    ),
    "send_message": (None, lambda c, t: conversation_actions.send_message(t.north, body="Hi", **VISITOR)),
    "set_status": (None, lambda c, t: conversation_actions.set_status(t.north, status="resolved")),
    "assign_if_unassigned": (
        None,
        lambda c, t: conversation_actions.assign_if_unassigned(t.north, operator=c.bob),
    ),
    "assign": (None, lambda c, t: conversation_actions.assign(t.north, operator=c.bob)),
    "touch_presence": (None, lambda c, t: conversation_actions.touch_presence(t.north, operator=c.bob, is_typing=True)),
    "mark_unread": (
        lambda c, t: conversation_actions.touch_presence(t.north, operator=c.bob, is_typing=False),
        lambda c, t: conversation_actions.mark_unread(t.north, operator=c.bob),
    ),
    "wake_next_snoozed": (lambda c, t: make_snooze_due(t), lambda c, t: conversation_actions.wake_next_snoozed()),
    "create_lead": (None, lambda c, t: lead_actions.create_lead(c.acme.pk, name="New", brand=c.north)),
    "update_lead": (None, lambda c, t: lead_actions.update_lead(t.north_lead, status="won")),
    "write_note": (
        None,
        lambda c, t: conversation_actions.write_note(t.north, author=c.alice, body="Hi", mentioned=[c.bob]),
    ),
    "create_tag": (None, lambda c, t: conversation_actions.create_tag(c.acme.pk, name="new")),
    "rename_tag": (None, lambda c, t: conversation_actions.rename_tag(t.tag, name="old")),
    "delete_tag": (None, lambda c, t: conversation_actions.delete_tag(t.tag)),
    "change_tags": (None, lambda c, t: conversation_actions.change_tags(t.south, add=[t.tag.pk])),
    "rate": (
        lambda c, t: conversation_actions.set_status(t.north, status="resolved"),
        lambda c, t: conversation_actions.rate(t.north, rating=5),
    ),
    "request_transcript": (None, lambda c, t: conversation_actions.request_transcript(t.north)),
    "block_visitor": (None, lambda c, t: conversation_actions.block_visitor(t.north, is_blocked=True)),
    "create_canned_reply": (
        None,
        lambda c, t: canned_replies.create_canned_reply(c.acme.pk, shortcut="bye", body="Bye!", brand=c.north),
    ),
    "change_canned_reply": (None, lambda c, t: canned_replies.change_canned_reply(t.reply, brand=c.south)),
    "delete_canned_reply": (None, lambda c, t: canned_replies.delete_canned_reply(t.reply)),
    "invite": (None, lambda c, t: team.invite(c.alice, email="dan@acme.example", name="Dan", role="operator")),
    "resend_invitation": (None, lambda c, t: team.resend_invitation(t.invited)),
    "accept_invitation": (None, lambda c, t: team.accept_invitation(t.invited, password="long-enough-9")),
    "change_operator": (None, lambda c, t: team.change_operator(c.bob, by=c.alice, name="Robert")),
    "revoke_invitation": (None, lambda c, t: team.revoke_invitation(t.invited, by=c.alice)),
    "reset_two_factor": (None, lambda c, t: team.reset_two_factor(c.bob, by=c.alice)),
    "update_preferences": (None, lambda c, t: update_preferences(c.bob, sound=False)),
    "read_until": (None, lambda c, t: conversation_actions.read_until(t.north, by_visitor=1)),
    "set_visitor_typing": (None, lambda c, t: conversation_actions.set_visitor_typing(t.north, is_typing=True)),
    "configure_widget": (None, lambda c, t: brand_actions.configure_widget(c.north, primary_color="#000000")),
    "rotate_identity_secret": (None, lambda c, t: brand_actions.rotate_identity_secret(c.north)),
    "reveal_identity_secret": (None, lambda c, t: brand_actions.reveal_identity_secret(c.north)),
    "start_conversation": (
        None,
        lambda c, t: widget_actions.start_conversation(c.north, PERSON, body="Hi", client_id=uuid4()),
    ),
    "send_visitor_message": (
        None,
        lambda c, t: widget_actions.send_visitor_message(t.north.visitor, body="Hi", client_id=uuid4()),
    ),
    "update_visitor": (
        None,
        lambda c, t: widget_actions.update_visitor(
            t.north.visitor, widget_actions.VisitorDetails(name="New", external_id="1")
        ),
    ),
    "identify": (
        None,
        lambda c, t: widget_actions.identify(
            c.north, widget_actions.VisitorDetails(name="Anna", external_id="anna"), anonymous=t.north.visitor
        ),
    ),
    "erase_visitor": (None, lambda c, t: erasure.erase_visitor(t.north.visitor, deleted_lead_ids=[])),
    "erase_visitor_and_leads": (None, lambda c, t: erase_visitor_and_leads(t.north.visitor)),
    "merge_visitor": (None, lambda c, t: conversation_actions.merge_visitor(t.north.visitor, into=create_visitor(c))),
    "reassign_conversations": (
        lambda c, t: Conversation.objects.filter(pk=t.south.pk).update(assignee=c.bob),
        lambda c, t: conversation_actions.reassign_conversations(c.bob, to=None),
    ),
    "deactivate_operators": (
        lambda c, t: conversation_actions.assign(t.north, operator=create_dan(c)),
        lambda c, t: conversation_actions.deactivate_operators(c.acme.operators.filter(name="Dan"), by=c.alice),
    ),
    "mark_assignments_seen": (
        lambda c, t: conversation_actions.assign(t.north, operator=c.bob),
        lambda c, t: conversation_actions.mark_assignments_seen(c.bob),
    ),
    "change_visitor": (None, lambda c, t: conversation_actions.change_visitor(t.north.visitor, name="New")),
    "save_context": (None, lambda c, t: widget_actions.save_context(t.north.visitor, time_zone="Asia/Tokyo")),
    "issue_token": (None, lambda c, t: operator_tokens.issue_token(c.alice)),
    "store_password": (None, lambda c, t: passwords.change_password(c.bob, password="long-enough-9")),
    "revoke_token": (None, lambda c, t: operator_tokens.revoke_token(c.bob.sessions.first())),
    "revoke_dashboard_tokens": (
        None,
        lambda c, t: operator_tokens.revoke_dashboard_tokens(c.bob),
    ),  # tests/inbox tests which tokens it revokes
}
NOT_WATCHED = {  # actions that change the result of no query
    "create_workspace",
    "rename_workspace",
    "issue_token",
    "revoke_dashboard_tokens",
    "store_password",
    "create_first_workspace",
    "delete_demo",
    "rotate_identity_secret",
    "reveal_identity_secret",
    "invite",
    "resend_invitation",
    "revoke_invitation",
    "reset_two_factor",
}
# No query shows API keys, webhooks and deliveries, or whether an operator has a second factor.
NOT_LIVE = {
    "accounts/actions/two_factor.py",
    "integrations/actions/api_keys.py",
    "integrations/actions/replays.py",
    "integrations/actions/subscriptions.py",
}


def test_every_action_is_in_the_table():
    root = Path(settings.BASE_DIR)
    found = set()
    for path in (*root.glob("*/actions.py"), *root.glob("*/actions/*.py")):
        if str(path.relative_to(root)) in NOT_LIVE:
            continue
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and any(
                "joined_transaction" in ast.unparse(each) for each in node.decorator_list
            ):
                found.add(node.name.lstrip("_"))
    assert found == set(ACTIONS_BY_NAME)


def watchable_queries(tenants, conversations):
    """Yield (operator, name, arguments) of every query that an operator of Acme can watch."""
    of_conversation = [
        {"conversationId": str(conversation.pk)} for conversation in (conversations.north, conversations.south)
    ]
    of_brand = [{}, {"brandId": str(tenants.north.pk)}]
    for operator in (tenants.alice, tenants.bob):
        yield operator, "brands:list", {}
        for arguments in of_brand:
            for name in ("conversations:counts", "leads:list", "conversations:listInbox"):
                yield operator, name, arguments
            yield operator, "conversations:listInbox", {**arguments, "status": "open", "assignee": "me"}
            yield operator, "conversations:listInbox", {**arguments, "q": "hi"}
            yield operator, "conversations:listInbox", {**arguments, "q": "vip"}  # a tag
            yield operator, "inbox:list", {**arguments, "q": "hello"}
            yield operator, "inbox:list", {**arguments, "waiting": True, "order": "longestWaiting"}
            for name in ("inbox:list", "inbox:counts", "cannedReplies:list", "operators:list"):
                yield operator, name, arguments
        for name in ("inbox:mentions", "inbox:assignments", "tags:list", "operators:me"):
            yield operator, name, {}
        for conversation in (conversations.north, conversations.south):
            yield operator, "visitors:get", {"visitorId": str(conversation.visitor_id)}
        for arguments in of_conversation:
            for name in ("conversations:get", "messages:list", "presence:list", "presence:visitor", "inbox:thread"):
                yield operator, name, arguments


class WatchedQuery:
    """A query of an operator, with a token of its own."""

    def __init__(self, caller, token, name, arguments):
        self.caller, self.name, self.sent = caller, name, arguments
        self.call = functions.parse_call(name, [arguments], kind="query", socket_token=token)
        self.arguments = self.call.validated_arguments()

    @property
    def topics(self):
        return set(self.call.function.topics_of(self.caller, self.arguments))

    def result(self):
        return executor.run_query(self.call, self.caller, self.arguments).result

    def __repr__(self):
        return f"{self.name} {self.sent}"


def watched_queries(tenants, conversations):
    """Return every query that an operator of Acme can watch, each as a new page of this operator would watch it."""
    tokens = {operator: operator_tokens.issue_token(operator)[0] for operator in (tenants.alice, tenants.bob)}
    callers = {operator: executor.identify(operators, token) for operator, token in tokens.items()}
    return [
        WatchedQuery(callers[operator], tokens[operator], name, arguments)
        for operator, name, arguments in watchable_queries(tenants, conversations)
    ]


_results = {}


def results_of_all_queries(tenants, conversations):
    """Return the result of each watchable query. For the same rows they are computed once."""
    digest = digest_of_all_rows()
    if digest not in _results:
        with transaction.atomic():
            _results[digest] = [query.result() for query in watched_queries(tenants, conversations)]
            transaction.set_rollback(True)  # the tokens
    return _results[digest]


@pytest.mark.parametrize("action", ACTIONS_BY_NAME)
def test_an_action_publishes_the_topics_of_every_query_that_it_changes(
    tenants, conversations, action, django_capture_on_commit_callbacks
):
    prepare, do = ACTIONS_BY_NAME[action]
    if prepare:
        prepare(tenants, conversations)
    before = results_of_all_queries(tenants, conversations)
    _, session = operator_tokens.issue_token(tenants.bob)
    with capture_topics() as published, django_capture_on_commit_callbacks(execute=True):
        do(tenants, conversations)
    notified = []
    for query, was in zip(watched_queries(tenants, conversations), before, strict=True):
        if query.topics & published:
            notified.append((query, was))
        else:
            assert query.result() == was, query
    is_changed = any(query.result() != was for query, was in notified)
    assert is_changed == (action not in NOT_WATCHED | {"revoke_token"})
    if action == "revoke_token":
        assert published == {f"operator_session.{session.pk}"}


def test_a_rolled_back_action_publishes_nothing(tenants, conversations, django_capture_on_commit_callbacks):
    with capture_topics() as published, django_capture_on_commit_callbacks(execute=True):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            conversation_actions.send_message(conversations.north, body="Hi", **VISITOR)
            raise ZeroDivisionError
        conversation_actions.set_status(conversations.south, status="resolved")
    assert any(str(conversations.south.pk) in topic for topic in published)
    assert not any(str(conversations.north.pk) in topic for topic in published)


def test_no_topic_reaches_another_workspace(tenants, conversations, django_capture_on_commit_callbacks):
    with capture_topics() as published, django_capture_on_commit_callbacks(execute=True):
        conversation_actions.send_message(conversations.north, body="Hi", **VISITOR)
    of_north = {"conversationId": str(conversations.north.pk)}
    for operator, name, arguments in (
        (tenants.mallory, "conversations:listInbox", {}),
        (tenants.mallory, "messages:list", of_north),
        (tenants.mallory, "presence:list", of_north),
    ):
        assert not topics_of(operator, name, **arguments) & published
