"""E-mails of transcripts and mentions: sent once, to the right recipient, and retried while the mail server is unreachable."""

from datetime import timedelta
from smtplib import SMTPRecipientsRefused

import pytest
import time_machine
from django.utils import timezone

from accounts.actions.preferences import update_preferences
from accounts.actions.team import change_operator
from accounts.mail import MAX_TRIES
from conversations import actions, mail
from conversations.models import Channel, Message, Notification, Transcript, Visitor
from tests.sync.live_client import call_as
from tests.sync.sockets import RequestFailed

pytestmark = pytest.mark.django_db


def travel_forward(**more):
    return time_machine.travel(timezone.now() + timedelta(**more))


@pytest.fixture
def north_args(conversations):
    return {"conversationId": str(conversations.north.pk)}


def test_transcript_is_sent_to_the_visitor_or_to_the_requesting_operator(
    tenants, conversations, north_args, mailoutbox
):
    call_as(tenants.alice, "notes:write", **north_args, body="between-us")
    for operator in (tenants.bob, tenants.alice):
        call_as(
            operator, "conversations:sendTranscript", **north_args, to="visitor"
        )  # the second request adds no second mail
    call_as(tenants.bob, "conversations:sendTranscript", **north_args, to="me")
    assert mail.send_transcripts() == 2
    assert mail.send_transcripts() == 0
    to_visitor, to_bob = mailoutbox
    assert (to_visitor.to, to_bob.to) == (["maya@example.com"], ["bob@acme.example"])
    assert to_visitor.subject == "Your conversation with North"
    assert "Hello?" in to_visitor.body
    assert "Hi!" in to_visitor.body
    assert "between-us" not in to_visitor.body + to_bob.body
    assert not Transcript.objects.exists()


def test_transcript_shows_markdown_of_operators_and_only_links_of_visitors(
    tenants, conversations, north_args, mailoutbox
):
    Visitor.objects.filter(pk=conversations.north.visitor_id).update(name="<\u202eMaya>")
    conversations.north.refresh_from_db()
    for role, body in (("visitor", "**a** <b>\nwww.shop.example"), ("operator", "**c** <b>\n- d\n- e")):
        actions.send_message(conversations.north, role=Message.Role(role), body=body, channel=Channel.API)
    call_as(tenants.bob, "conversations:sendTranscript", **north_args, to="visitor")
    assert mail.send_transcripts() == 1
    (sent,) = mailoutbox
    assert "**a** <b>\nwww.shop.example" in sent.body
    assert "**c** <b>\n- d\n- e" in sent.body
    ((html, content_type),) = sent.alternatives
    assert content_type == "text/html"
    assert "**a** &lt;b&gt;<br><a href=" in html
    assert "<p><strong>c</strong> &lt;b&gt;</p><ul><li>d</li><li>e</li></ul>" in html
    assert "<bdi>&lt;\u202eMaya&gt;</bdi>" in html


def test_transcript_is_refused_without_a_visitor_address(tenants, conversations, north_args):
    Visitor.objects.filter(pk=conversations.north.visitor_id).update(email="")
    with pytest.raises(RequestFailed, match="not given an e-mail address"):
        call_as(tenants.bob, "conversations:sendTranscript", **north_args, to="visitor")


def test_transcript_is_retried_for_a_day_while_mail_fails(tenants, conversations, north_args, mailoutbox, settings):
    settings.EMAIL_BACKEND = "tests.inbox.test_mail.UnreachableMailServer"
    call_as(tenants.bob, "conversations:sendTranscript", **north_args, to="me")
    assert mail.send_transcripts() == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert mail.send_transcripts() == 0  # not due yet
    with travel_forward(minutes=11):
        assert mail.send_transcripts() == 1
    settings.EMAIL_BACKEND = "tests.inbox.test_mail.UnreachableMailServer"
    call_as(tenants.bob, "conversations:sendTranscript", **north_args, to="me")
    for hour in range(MAX_TRIES):
        with travel_forward(hours=2 * hour + 1):
            mail.send_transcripts()
    assert not Transcript.objects.exists()


class UnreachableMailServer:
    """A mail backend whose server is unreachable."""

    def __init__(self, *args, **kwargs):
        pass

    def send_messages(self, messages):
        raise ConnectionRefusedError


def mention_bob(tenants, conversation):
    return actions.write_note(conversation, author=tenants.alice, body="@Bob look here", mentioned=[tenants.bob])


def test_unseen_mention_is_mailed_once(tenants, conversations, mailoutbox):
    mention_bob(tenants, conversations.north)
    assert mail.send_notification_emails() == 0
    with travel_forward(minutes=6):
        assert mail.send_notification_emails() == 1
        assert mail.send_notification_emails() == 0
    assert (mailoutbox[0].to, mailoutbox[0].subject) == (["bob@acme.example"], "Alice mentioned you on PraxTalk")
    assert f"/app/inbox/{conversations.north.pk}/" in mailoutbox[0].body
    assert "<bdi>Alice</bdi> mentioned you" in mailoutbox[0].alternatives[0].content


@pytest.mark.parametrize("why", ["seen", "unwanted", "gone", "not theirs"])
def test_mention_is_not_mailed_when_seen_unwanted_or_no_longer_allowed(tenants, conversations, mailoutbox, why):
    mention_bob(tenants, conversations.north)
    if why == "seen":
        actions.touch_presence(conversations.north, operator=tenants.bob, is_typing=False)
    elif why == "unwanted":
        update_preferences(tenants.bob, mentionMails=False)
    elif why == "gone":
        change_operator(tenants.bob, by=tenants.alice, is_active=False)
    else:
        change_operator(tenants.bob, by=tenants.alice, brands=[tenants.south])
    with travel_forward(minutes=6):
        assert mail.send_notification_emails() == 0
    assert mailoutbox == []
    assert Notification.objects.count() == 1


def test_mention_is_retried_while_the_mail_server_is_unreachable(tenants, conversations, mailoutbox, settings):
    mention_bob(tenants, conversations.north)
    settings.EMAIL_BACKEND = "tests.inbox.test_mail.UnreachableMailServer"
    with travel_forward(minutes=6):
        assert mail.send_notification_emails() == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    with travel_forward(minutes=17):
        assert mail.send_notification_emails() == 1
        assert mail.send_notification_emails() == 0


def test_mention_claimed_by_a_killed_worker_is_mailed_later(tenants, conversations, mailoutbox):
    mention_bob(tenants, conversations.north)
    with travel_forward(minutes=6):
        assert mail._claim_notification()  # the worker is killed before it sends the mail
        assert mail.send_notification_emails() == 0
    with travel_forward(minutes=17):
        assert mail.send_notification_emails() == 1
    assert len(mailoutbox) == 1


class RejectsRecipient(UnreachableMailServer):
    """A mail backend whose server rejects the recipient."""

    def send_messages(self, messages):
        raise SMTPRecipientsRefused({message.to[0]: (550, b"no such user") for message in messages})


def test_rejected_recipient_is_not_retried(tenants, conversations, settings):
    mention_bob(tenants, conversations.north)
    settings.EMAIL_BACKEND = "tests.inbox.test_mail.RejectsRecipient"
    with travel_forward(minutes=6):
        assert mail.send_notification_emails() == 0
        assert not Notification.objects.filter(mailed_at=None).exists()


def test_line_breaks_in_names_are_removed_from_mail_headers(tenants, conversations, north_args, mailoutbox):
    tenants.north.name, tenants.alice.name = "North\r\nBcc: all@acme.example", "Ali\nce"
    tenants.north.save()
    tenants.alice.save()
    mention_bob(tenants, conversations.north)
    call_as(tenants.bob, "conversations:sendTranscript", **north_args, to="me")
    with travel_forward(minutes=6):
        assert (mail.send_transcripts(), mail.send_notification_emails()) == (1, 1)
    assert [each.subject for each in mailoutbox] == [
        "Your conversation with North Bcc: all@acme.example",
        "Ali ce mentioned you on PraxTalk",
    ]
