"""Each of the five senders of e-mails, against a real mail server: a bad e-mail holds up no other, and its tries are bounded."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from accounts import emails, mail
from accounts.mail import MAX_TRIES, pause_after
from accounts.models import MailFailure, Operator, QueuedEmail
from conversations import actions
from conversations import mail as inbox_mail
from conversations.actions import request_transcript, send_message
from conversations.models import Channel, Conversation, Message, Visitor
from integrations.actions.subscriptions import create_webhook
from integrations.models import WebhookSubscription
from integrations.webhooks import mail as webhook_mail
from integrations.webhooks.health import FAILING_FOR
from tests.conftest import make_talk
from tests.mail.server import mail_server
from widget import mail as widget_mail
from widget.mail import mail_replies

pytestmark = pytest.mark.django_db

BAD, GOOD = "bad@people.example", "good@people.example"
DUE = timedelta(minutes=6)  # after which each kind is


def reply(cast, address):
    conversation = make_talk(cast.north)
    Visitor.objects.filter(pk=conversation.visitor_id).update(email=address)
    conversation = Conversation.objects.get(pk=conversation.pk)
    send_message(conversation, role=Message.Role.OPERATOR, body="We do.", channel=Channel.API)


def transcript(cast, address):
    request_transcript(make_talk(cast.north), email=address)


def mention(cast, address):
    actions.write_note(make_talk(cast.north), author=cast.alice, body="Look", mentioned=[operator(cast, address)])


def notice_about_a_webhook(cast, address):
    """One e-mail goes to all owners of a workspace, so each address is the owner of a workspace of its own."""
    owner = cast.mallory if WebhookSubscription.objects.exists() else cast.alice
    Operator.objects.filter(pk=owner.pk).update(email=address)
    webhook, _ = create_webhook(owner.workspace, url="http://127.0.0.1:9/", events=["lead.created"])
    WebhookSubscription.objects.filter(pk=webhook.pk).update(
        status="paused", paused_by="failing", paused_at=timezone.now(), failing_since=timezone.now() - FAILING_FOR
    )


def password_link(cast, address):
    operator(cast, address)
    emails.write(QueuedEmail.Kind.PASSWORD_RESET, address)


def operator(cast, address):
    made = Operator.objects.create_operator(workspace=cast.acme, email="new@acme.example", password=None, name=address)
    Operator.objects.filter(pk=made.pk).update(email=address)  # as it is, even if no form would take it
    made.refresh_from_db()
    return made


SENDERS = {
    "replies": (reply, mail_replies, MailFailure.Kind.REPLY),
    "transcripts": (transcript, inbox_mail.send_transcripts, MailFailure.Kind.TRANSCRIPT),
    "mentions": (mention, inbox_mail.mail_mentions, MailFailure.Kind.MENTION),
    "notices about webhooks": (notice_about_a_webhook, webhook_mail.notify_owners, MailFailure.Kind.WEBHOOK),
    "password links": (password_link, emails.send_due, MailFailure.Kind.LETTER),
}


@pytest.fixture
def clock(time_machine):
    time_machine.move_to("2026-05-04 12:00Z", tick=False)
    return time_machine


@pytest.fixture(params=SENDERS)
def sender(request, cast, clock):
    """(write, run, kind): write(addresses) has e-mails due, in this order, once six minutes are over."""
    write_one, run, kind = SENDERS[request.param]

    def write(*addresses):
        for address in addresses:
            write_one(cast, address)
            clock.shift(1)

    return write, run, kind


def run_for_two_days(run, clock):
    """As beat does, but every 5 minutes: less often than any e-mail is due at first, more often than it is later."""
    return sum(run() for _ in range(2 * 24 * 12) if clock.shift(timedelta(minutes=5)) is None)


@pytest.mark.parametrize(
    ("manner", "reason", "given_up_at_once"),
    [
        ("550", "recipient", True),
        ("451", "recipient", False),
        ("content", "content", True),
        ("hangs", "unreachable", False),
        ("closes", "unreachable", False),
    ],
)
def test_a_refused_e_mail_holds_up_no_other_and_its_tries_are_bounded(
    sender, settings, clock, manner, reason, given_up_at_once
):
    write, run, kind = sender
    with mail_server(settings, **{BAD: manner}) as server:
        write(BAD, GOOD)
        clock.shift(DUE)
        assert run() == 1
        assert [each.to for each in server.messages] == [[GOOD]]
        assert server.tried == [BAD, GOOD]
        failure = MailFailure.objects.get()
        assert (failure.kind, failure.reason, failure.tries) == (kind, reason, 1)
        assert failure.given_up == given_up_at_once
        if manner == "hangs":
            return  # 25 tries would wait 25 times; "closes" is the same case
        assert run() == 0
        assert server.tried == [BAD, GOOD]  # a pause comes first
        run_for_two_days(run, clock)
    # A mention is of no use after a day, and is not tried as often as that
    most = 1 if given_up_at_once else MAX_TRIES
    assert most - 3 <= server.tried.count(BAD) <= most
    assert server.tried.count(GOOD) == 1


def test_what_failed_is_sent_once_the_mail_server_takes_it(sender, settings, clock):
    write, run, _ = sender
    with mail_server(settings, **{BAD: "451"}) as server:
        write(BAD, GOOD)
        clock.shift(DUE)
        assert run() == 1
        server.manners.clear()
        assert run() == 0
        clock.shift(pause_after(1))
        assert run() == 1
        assert run_for_two_days(run, clock) == 0
    assert [each.to for each in server.messages] == [[GOOD], [BAD]]


@pytest.mark.parametrize(
    "address", ["jürgen@people.example", "bad@people.example\nBcc: all@people.example", "b d@people.example", "bad@"]
)
def test_an_address_that_makes_no_e_mail_is_given_up_at_once(sender, settings, clock, address):
    write, run, _ = sender
    with mail_server(settings) as server:
        write(address, GOOD)
        clock.shift(DUE)
        assert run() == 1
        run_for_two_days(run, clock)
    assert server.tried == [GOOD]
    failure = MailFailure.objects.get()
    assert (failure.reason, failure.tries, failure.given_up) == ("invalid", 1, 1)


def test_a_recipient_with_umlauts_in_the_domain_gets_the_e_mail(sender, settings, clock):
    write, run, _ = sender
    with mail_server(settings) as server:
        write("bad@bücher.example", GOOD)
        clock.shift(DUE)
        assert run() == 2
    assert server.tried == ["bad@xn--bcher-kva.example", GOOD]
    assert not MailFailure.objects.exists()


def test_without_a_mail_server_a_run_ends_early_and_the_next_one_goes_on_with_the_others(cast, settings, clock):
    addresses = [f"{number}@people.example" for number in range(5)]
    with mail_server(settings, **dict.fromkeys(addresses[:4], "closes")) as server:
        for address in addresses:
            transcript(cast, address)
            clock.shift(1)
        assert inbox_mail.send_transcripts() == 0
        assert server.tried == addresses[:3]
        assert inbox_mail.send_transcripts() == 1
        assert server.tried == addresses


def test_pauses_grow_to_an_hour_and_all_tries_take_about_a_day():
    pauses = [pause_after(tries) for tries in range(1, MAX_TRIES)]
    assert pauses[:3] == [timedelta(minutes=10), timedelta(minutes=20), timedelta(minutes=40)]
    assert max(pauses) == timedelta(hours=1)
    assert timedelta(hours=18) < sum(pauses, timedelta()) < timedelta(hours=24)


def test_a_next_reply_is_sent_after_one_that_was_refused_for_good(cast, settings, clock):
    with mail_server(settings, **{BAD: "550"}) as server:
        reply(cast, BAD)
        clock.shift(DUE)
        assert mail_replies() == 0
        server.manners.clear()
        assert run_for_two_days(mail_replies, clock) == 0
        send_message(Conversation.objects.get(), role=Message.Role.OPERATOR, body="Still there?", channel=Channel.API)
        clock.shift(DUE)
        assert mail_replies() == 1
    text = server.messages[0].message.get_content()
    assert "We do." in text
    assert "Still there?" in text


def test_a_sender_that_is_refused_is_tried_again_for_a_day(cast, settings, clock):
    cast.north.email_from = "north@acme.example"
    cast.north.save()
    with mail_server(settings) as server:
        server.refused_senders.add("north@acme.example")
        reply(cast, GOOD)
        clock.shift(DUE)
        assert mail_replies() == 0
        assert MailFailure.objects.get().reason == "sender"
        server.refused_senders.clear()
        assert run_for_two_days(mail_replies, clock) == 1


def overview(client, operator):
    client.force_login(operator)
    cache.clear()
    return client.get("/app/").content.decode()


def test_owners_are_told_on_the_overview_and_nobody_else(cast, client, settings, clock):
    carol = Operator.objects.create_operator(
        workspace=cast.acme, email="c@acme.example", password=None, name="Carol", role="admin", sees_all_brands=False
    )
    carol.brands.add(cast.south, through_defaults={"workspace": cast.acme})
    with mail_server(settings, **{BAD: "550"}):
        reply(cast, BAD)
        clock.shift(DUE)
        mail_replies()
    told = overview(client, cast.alice)
    assert "North: Replies to visitors." in told
    assert "The mail server refuses the recipient." in told
    assert "1 e-mail given up." in told
    assert BAD not in told
    for operator in (cast.bob, carol, cast.mallory):  # an operator, an admin of South, the rival
        assert "could not be sent" not in overview(client, operator)
    clock.shift(timedelta(days=8))
    assert "could not be sent" not in overview(client, cast.alice)
    clock.shift(timedelta(days=30))
    mail.forget_failures()
    assert not MailFailure.objects.exists()


def test_a_reply_that_comes_while_an_e_mail_is_given_up_is_mailed(cast, settings, clock):
    with mail_server(settings, **{BAD: "550"}) as server:
        reply(cast, BAD)
        clock.shift(DUE)
        due = widget_mail._next_due()
        send_message(Conversation.objects.get(), role=Message.Role.OPERATOR, body="Still there?", channel=Channel.API)
        widget_mail._finish(due, is_sent=False)
        server.manners.clear()
        clock.shift(DUE)
        assert mail_replies() == 1
    (sent,) = server.messages
    text = sent.message.get_content()
    assert "We do." in text
    assert "Still there?" in text
