"""Sender names of messages, notes and activities: operators see the real name, visitors never see an internal one."""

import json
from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import Operator
from conversations import actions, mail
from conversations.models import Activity, Channel, Message
from integrations.actions.api_keys import create_key, revoke_key
from integrations.models import ApiKey
from tests.conftest import ApiKeyClient
from tests.inbox.test_in_a_browser import path_of
from tests.sync.live_client import call_as
from tests.sync.sockets import RequestFailed
from widget.mail import mail_replies
from widget.thread import thread_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo_crm(tenants):
    """Return a client of the REST API whose key is named "Demo CRM"."""
    key, secret = create_key(tenants.acme, name="Demo CRM", scope="write")
    client = ApiKeyClient(secret)
    client.key = key
    return client


@pytest.fixture
def replied(conversations, demo_crm):
    """Return North's conversation with a reply sent by the CRM."""
    response = demo_crm.post(f"/api/v1/conversations/{conversations.north.pk}/messages", {"body": "From the CRM"})
    assert response.status_code == 201
    conversations.north.refresh_from_db()
    return conversations.north


def senders(operator, conversation):
    entries = call_as(operator, "inbox:thread", conversationId=str(conversation.pk))["entries"]
    return {entry["body"]: entry["sender"] for entry in entries if entry["type"] != "activity"}


def test_reply_sent_with_an_api_key_shows_the_keys_name(tenants, replied):
    assert senders(tenants.bob, replied)["From the CRM"] == "Demo CRM"
    assert senders(tenants.bob, replied)["Hello?"] is None  # the visitor, whose name may change, so it is not stored
    with pytest.raises(RequestFailed, match="No such conversation"):
        senders(tenants.mallory, replied)


def test_sender_name_stays_after_the_key_is_renamed_revoked_or_deleted(tenants, replied, demo_crm):
    ApiKey.objects.filter(pk=demo_crm.key.pk).update(name="Another name")
    assert senders(tenants.bob, replied)["From the CRM"] == "Demo CRM"
    revoke_key(demo_crm.key)
    assert senders(tenants.bob, replied)["From the CRM"] == "Demo CRM"
    ApiKey.objects.filter(pk=demo_crm.key.pk).delete()
    assert senders(tenants.bob, replied)["From the CRM"] == "Demo CRM"


def test_only_messages_of_atlas_show_atlas_as_sender(tenants, conversations):
    for role, body in (("atlas", "From Atlas"), ("operator", "From before")):
        actions.send_message(conversations.north, role=Message.Role(role), body=body, channel=Channel.API)
    actions.send_message(
        conversations.north, role=Message.Role.OPERATOR, body="From the page", channel=Channel.DASHBOARD
    )
    actions.write_note(conversations.north, author=tenants.alice, body="A note")
    found = senders(tenants.bob, conversations.north)
    assert found["From Atlas"] == "Atlas"
    assert found["From before"] == "API"  # sent before API keys were stored with messages
    assert found["From the page"] == "Former operator"
    assert found["A note"] == "Alice"


def test_rest_shows_no_author_for_replies_of_a_key(tenants, replied, api_client, webhooks):
    messages = api_client.get(f"/api/v1/messages?conversationId={replied.pk}").json()["messages"]
    assert messages[-1]["body"] == "From the CRM"
    assert messages[-1]["author"] is None
    assert set(messages[-1]) == set(messages[0])


def test_activity_of_a_key_shows_only_the_keys_name(tenants, conversations, demo_crm):
    demo_crm.patch(f"/api/v1/conversations/{conversations.north.pk}", {"status": "closed"})
    assert Activity.objects.get().actor == "Demo CRM"


def test_late_reply_error_names_the_key_that_has_answered(tenants, conversations, demo_crm):
    of_north = {"conversationId": str(conversations.north.pk)}
    seen = call_as(tenants.bob, "messages:list", **of_north)["messages"][-1]["_id"]
    demo_crm.post(f"/api/v1/conversations/{conversations.north.pk}/messages", {"body": "From the CRM"})
    with pytest.raises(RequestFailed, match="Demo CRM has already replied"):
        call_as(tenants.bob, "messages:send", **of_north, body="Late", seenMessageId=seen)


def test_visitor_never_sees_the_keys_name(tenants, replied, mailoutbox):
    assert "Demo CRM" not in json.dumps(thread_of(replied.visitor).value)
    call_as(tenants.bob, "conversations:sendTranscript", conversationId=str(replied.pk), to="visitor")
    assert mail.send_transcripts() == 1
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        mail_replies()
    found = [each for each in mailoutbox if "From the CRM" in each.body]
    assert len(found) == 2
    for each in found:
        assert "North:" in each.body
        assert "Demo CRM" not in each.body


def test_operator_transcripts_and_exports_show_the_keys_name(tenants, replied, mailoutbox, client):
    call_as(tenants.bob, "conversations:sendTranscript", conversationId=str(replied.pk), to="me")
    assert mail.send_transcripts() == 1
    assert "Demo CRM:\nFrom the CRM" in mailoutbox[0].body
    client.force_login(tenants.bob)
    copy = client.get(f"/app/visitors/{replied.visitor_id}/export/").json()
    assert copy["conversations"][0]["messages"][-1]["sender"] == "Demo CRM"
    client.force_login(tenants.alice)
    export = json.loads(b"".join(client.get("/app/settings/export/").streaming_content))
    assert "Demo CRM" in [message["sender"] for message in export["messages"]]


def test_database_rejects_a_key_of_another_workspace(tenants, replied):
    key, _ = create_key(tenants.globex, name="Rival", scope="write")
    with pytest.raises(IntegrityError), transaction.atomic():
        Message.objects.filter(body="From the CRM").update(api_key=key)
        connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE")


def reply_as(client, conversation, operator_id):
    path = f"/api/v1/conversations/{conversation.pk}/messages"
    return client.post(path, {"body": "On its way", "operatorId": operator_id})


def test_reply_in_an_operators_name_shows_that_operator_to_everybody(tenants, conversations, demo_crm, api_client):
    assert reply_as(demo_crm, conversations.north, str(tenants.bob.pk)).status_code == 201
    assert senders(tenants.alice, conversations.north)["On its way"] == "Bob"
    message = api_client.get(f"/api/v1/messages?conversationId={conversations.north.pk}").json()["messages"][-1]
    assert (message["author"], message["channel"]) == ({"_id": str(tenants.bob.pk), "name": "Bob"}, "api")
    assert thread_of(conversations.north.visitor).value["messages"][-1]["author"] == {"name": "Bob"}
    stored = Message.objects.get(body="On its way")
    assert (stored.api_key, stored.api_key_name) == (demo_crm.key, "Demo CRM")  # who sent it stays known
    ApiKey.objects.filter(pk=demo_crm.key.pk).delete()
    assert senders(tenants.alice, conversations.north)["On its way"] == "Bob"


def test_reply_without_an_operator_may_say_so(tenants, conversations, demo_crm):
    assert reply_as(demo_crm, conversations.north, None).status_code == 201
    assert senders(tenants.alice, conversations.north)["On its way"] == "Demo CRM"


@pytest.mark.parametrize(
    "who", ["rival", "deactivated", "without the brand", "nobody", "nonsense", "", "\u200b", 5, []]
)
def test_reply_in_the_name_of_somebody_who_may_not_reply_is_rejected(tenants, conversations, demo_crm, who):
    conversation, operator_id = conversations.north, who
    if who == "rival":
        operator_id = str(tenants.mallory.pk)
    elif who == "deactivated":
        operator_id = str(tenants.bob.pk)
        Operator.objects.filter(pk=tenants.bob.pk).update(is_active=False)
    elif who == "without the brand":
        conversation, operator_id = conversations.south, str(tenants.bob.pk)
    elif who == "nobody":
        operator_id = str(tenants.acme.pk)
    before = Message.objects.count()
    response = reply_as(demo_crm, conversation, operator_id)
    assert response.status_code == 422
    assert "operatorId" in response.json()["error"]
    assert Message.objects.count() == before


def test_key_of_a_brand_names_operators_of_its_conversations_only(tenants, conversations, api_client_for):
    client = api_client_for(tenants.acme, brand=tenants.north)
    assert reply_as(client, conversations.north, str(tenants.bob.pk)).status_code == 201
    assert reply_as(client, conversations.south, str(tenants.alice.pk)).status_code == 403


def test_readers_cannot_reply_in_an_operators_name(tenants, conversations, api_client_for):
    client = api_client_for(tenants.acme, scope="read")
    assert reply_as(client, conversations.north, str(tenants.bob.pk)).status_code == 403


@pytest.mark.browser
@pytest.mark.live
@pytest.mark.usefixtures("chromium")
@pytest.mark.django_db(transaction=True)
def test_inbox_page_shows_the_keys_name_as_sender(tenants, replied, demo_crm, browsers):
    page = browsers.open(tenants.bob, path_of(replied))
    expect(page.locator(".entry.operator", has_text="From the CRM").locator(".who")).to_contain_text("Demo CRM")
    demo_crm.patch(f"/api/v1/conversations/{replied.pk}", {"status": "closed"})
    expect(page.get_by_role("log")).to_contain_text("Demo CRM closed this")
    assert "Atlas" not in page.get_by_role("log").inner_text()
    assert page.problems == []
