"""Transcripts and mentions by e-mail: once, to whom they are for, and again where the mail server is away."""

from datetime import timedelta
from smtplib import SMTPRecipientsRefused

import pytest
import time_machine
from django.utils import timezone

from accounts.actions.preferences import update_preferences
from accounts.actions.team import change_operator
from accounts.mail import MAX_TRIES
from conversations import actions, mail
from conversations.models import Mention, Transcript, Visitor
from tests.sync.live_client import ask
from tests.sync.sockets import Failed

pytestmark = pytest.mark.django_db


def later(**more):
    return time_machine.travel(timezone.now() + timedelta(**more))


@pytest.fixture
def of_north(talks):
    return {"conversationId": str(talks.north.pk)}


def test_a_transcript_goes_to_the_visitor_or_to_oneself(cast, talks, of_north, mailoutbox):
    ask(cast.alice, "notes:write", **of_north, body="between-us")
    for operator in (cast.bob, cast.alice):
        ask(operator, "conversations:sendTranscript", **of_north, to="visitor")  # once for both
    ask(cast.bob, "conversations:sendTranscript", **of_north, to="me")
    assert mail.send_transcripts() == 2
    assert mail.send_transcripts() == 0
    to_visitor, to_bob = mailoutbox
    assert (to_visitor.to, to_bob.to) == (["maya@example.com"], ["bob@acme.example"])
    assert to_visitor.subject == "Your conversation with North"
    assert "Hello?" in to_visitor.body
    assert "Hi!" in to_visitor.body
    assert "between-us" not in to_visitor.body + to_bob.body
    assert not Transcript.objects.exists()


def test_without_an_address_there_is_none(cast, talks, of_north):
    Visitor.objects.filter(pk=talks.north.visitor_id).update(email="")
    with pytest.raises(Failed, match="no e-mail address"):
        ask(cast.bob, "conversations:sendTranscript", **of_north, to="visitor")


def test_a_mail_server_that_is_away_is_tried_again_for_a_day(cast, talks, of_north, mailoutbox, settings):
    settings.EMAIL_BACKEND = "tests.inbox.test_mail.Away"
    ask(cast.bob, "conversations:sendTranscript", **of_north, to="me")
    assert mail.send_transcripts() == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert mail.send_transcripts() == 0  # not due yet
    with later(minutes=11):
        assert mail.send_transcripts() == 1
    settings.EMAIL_BACKEND = "tests.inbox.test_mail.Away"
    ask(cast.bob, "conversations:sendTranscript", **of_north, to="me")
    for hour in range(MAX_TRIES):
        with later(hours=2 * hour + 1):
            mail.send_transcripts()
    assert not Transcript.objects.exists()


class Away:
    """A mail server out of reach."""

    def __init__(self, *args, **kwargs):
        pass

    def send_messages(self, messages):
        raise ConnectionRefusedError


def mention(cast, talk):
    return actions.write_note(talk, author=cast.alice, body="@Bob look here", mentioned=[cast.bob])


def test_a_mention_that_is_not_looked_at_is_mailed_once(cast, talks, mailoutbox):
    mention(cast, talks.north)
    assert mail.mail_mentions() == 0
    with later(minutes=6):
        assert mail.mail_mentions() == 1
        assert mail.mail_mentions() == 0
    assert (mailoutbox[0].to, mailoutbox[0].subject) == (["bob@acme.example"], "Alice mentioned you on PraxTalk")
    assert f"/app/inbox/{talks.north.pk}/" in mailoutbox[0].body


@pytest.mark.parametrize("why", ["seen", "unwanted", "gone", "not theirs"])
def test_who_need_not_be_told_is_not(cast, talks, mailoutbox, why):
    mention(cast, talks.north)
    if why == "seen":
        actions.touch_presence(talks.north, operator=cast.bob, is_typing=False)
    elif why == "unwanted":
        update_preferences(cast.bob, mentionMails=False)
    elif why == "gone":
        change_operator(cast.bob, by=cast.alice, is_active=False)
    else:
        change_operator(cast.bob, by=cast.alice, brands=[cast.south])
    with later(minutes=6):
        assert mail.mail_mentions() == 0
    assert mailoutbox == []
    assert Mention.objects.count() == 1


def test_a_mention_waits_for_the_mail_server(cast, talks, mailoutbox, settings):
    mention(cast, talks.north)
    settings.EMAIL_BACKEND = "tests.inbox.test_mail.Away"
    with later(minutes=6):
        assert mail.mail_mentions() == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    with later(minutes=17):
        assert mail.mail_mentions() == 1
        assert mail.mail_mentions() == 0


def test_a_mention_is_mailed_although_a_worker_died_after_taking_it(cast, talks, mailoutbox):
    mention(cast, talks.north)
    with later(minutes=6):
        assert mail._take_mention()  # and nothing more: the process was killed
        assert mail.mail_mentions() == 0
    with later(minutes=17):
        assert mail.mail_mentions() == 1
    assert len(mailoutbox) == 1


class Refuses(Away):
    """One that does not know the address."""

    def send_messages(self, messages):
        raise SMTPRecipientsRefused({message.to[0]: (550, b"no such user") for message in messages})


def test_an_address_that_is_refused_holds_up_nobody(cast, talks, settings):
    mention(cast, talks.north)
    settings.EMAIL_BACKEND = "tests.inbox.test_mail.Refuses"
    with later(minutes=6):
        assert mail.mail_mentions() == 0
        assert not Mention.objects.filter(mailed_at=None).exists()


def test_names_of_two_lines_are_one_in_a_header(cast, talks, of_north, mailoutbox):
    cast.north.name, cast.alice.name = "North\r\nBcc: all@acme.example", "Ali\nce"
    cast.north.save()
    cast.alice.save()
    mention(cast, talks.north)
    ask(cast.bob, "conversations:sendTranscript", **of_north, to="me")
    with later(minutes=6):
        assert (mail.send_transcripts(), mail.mail_mentions()) == (1, 1)
    assert [each.subject for each in mailoutbox] == [
        "Your conversation with North Bcc: all@acme.example",
        "Ali ce mentioned you on PraxTalk",
    ]
