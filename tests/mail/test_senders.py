"""Each of the five senders of e-mails against a real mail server: a failing e-mail delays no other, and retries are bounded."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from accounts import emails, mail
from accounts.mail import MAX_TRIES, retry_delay
from accounts.models import MailFailure, Operator, QueuedEmail
from conversations import actions
from conversations import mail as inbox_mail
from conversations.actions import request_transcript, send_message
from conversations.models import Channel, Conversation, Message, Visitor
from integrations.actions.subscriptions import create_webhook
from integrations.models import WebhookSubscription
from integrations.webhooks import mail as webhook_mail
from integrations.webhooks.health import FAILING_FOR
from tests.conftest import make_conversation
from tests.mail.server import mail_server
from tests.tiers import slow
from widget import mail as widget_mail
from widget.mail import mail_replies

pytestmark = pytest.mark.django_db

BAD_RECIPIENT, GOOD_RECIPIENT = "bad@people.example", "good@people.example"
DUE_AFTER = timedelta(minutes=6)  # after this time, e-mails of every kind are due


def queue_reply(tenants, address):
    conversation = make_conversation(tenants.north)
    Visitor.objects.filter(pk=conversation.visitor_id).update(email=address)
    conversation = Conversation.objects.get(pk=conversation.pk)
    send_message(conversation, role=Message.Role.OPERATOR, body="We do.", channel=Channel.API)


def queue_transcript(tenants, address):
    request_transcript(make_conversation(tenants.north), email=address)


def queue_mention(tenants, address):
    actions.write_note(
        make_conversation(tenants.north),
        author=tenants.alice,
        body="Look",
        mentioned=[create_operator(tenants, address)],
    )


def queue_webhook_notice(tenants, address):
    """Queue a notice to `address`.

    One e-mail is addressed to all owners of a workspace, so each address is the owner of a workspace of its own.
    """
    owner = tenants.mallory if WebhookSubscription.objects.exists() else tenants.alice
    Operator.objects.filter(pk=owner.pk).update(email=address)
    webhook, _ = create_webhook(owner.workspace, url="http://127.0.0.1:9/", events=["lead.created"])
    WebhookSubscription.objects.filter(pk=webhook.pk).update(
        status="paused", paused_by="failing", paused_at=timezone.now(), failing_since=timezone.now() - FAILING_FOR
    )


def queue_password_link(tenants, address):
    create_operator(tenants, address)
    emails.enqueue(QueuedEmail.Kind.PASSWORD_RESET, address)


def create_operator(tenants, address):
    operator = Operator.objects.create_operator(
        workspace=tenants.acme, email="new@acme.example", password=None, name=address
    )
    Operator.objects.filter(pk=operator.pk).update(email=address)  # update() stores addresses that every form refuses
    operator.refresh_from_db()
    return operator


SENDERS = {
    "replies": (queue_reply, mail_replies, MailFailure.Kind.REPLY),
    "transcripts": (queue_transcript, inbox_mail.send_transcripts, MailFailure.Kind.TRANSCRIPT),
    "mentions": (queue_mention, inbox_mail.send_notification_emails, MailFailure.Kind.MENTION),
    "notices about webhooks": (queue_webhook_notice, webhook_mail.notify_owners, MailFailure.Kind.WEBHOOK),
    "password links": (queue_password_link, emails.send_due, MailFailure.Kind.ACCOUNT),
}


@pytest.fixture
def clock(time_machine):
    time_machine.move_to("2026-05-04 12:00Z", tick=False)
    return time_machine


@pytest.fixture(params=SENDERS)
def sender(request, tenants, clock):
    """Return (enqueue, run, kind) of each sender.

    `enqueue(*addresses)` queues an e-mail to each address; they are due six minutes later, in this order. `run()` sends what is
    due and returns how many e-mails it sent. `kind` is the MailFailure.Kind.
    """
    write_one, run, kind = SENDERS[request.param]

    def enqueue(*addresses):
        for address in addresses:
            write_one(tenants, address)
            clock.shift(1)

    return enqueue, run, kind


def run_for_two_days(run, clock):
    """Run the sender for two days, and return how many e-mails it sent.

    Celery beat runs it every minute. Here it runs half-way to each retry, when nothing is due yet, and when the retry is due.
    """
    sent, passed, tries = 0, timedelta(), 1
    while passed < timedelta(days=2):
        for _ in range(2):
            clock.shift(retry_delay(tries) / 2)
            sent += run()
        passed += retry_delay(tries)
        tries += 1
    return sent


@pytest.mark.parametrize(
    ("fault", "reason", "given_up_at_once"),
    [
        ("550", "recipient", True),
        ("451", "recipient", False),
        *slow(("content", "content", True), ("hangs", "unreachable", False), ("closes", "unreachable", False)),
    ],
)
def test_a_failing_e_mail_delays_no_other_and_is_tried_a_bounded_number_of_times(
    sender, settings, clock, fault, reason, given_up_at_once
):
    enqueue, run, kind = sender
    with mail_server(settings, **{BAD_RECIPIENT: fault}) as server:
        enqueue(BAD_RECIPIENT, GOOD_RECIPIENT)
        clock.shift(DUE_AFTER)
        assert run() == 1
        assert [each.to for each in server.messages] == [[GOOD_RECIPIENT]]
        assert server.attempted_recipients == [BAD_RECIPIENT, GOOD_RECIPIENT]
        failure = MailFailure.objects.get()
        assert (failure.kind, failure.reason, failure.tries) == (kind, reason, 1)
        assert failure.given_up == given_up_at_once
        if fault == "hangs":
            return  # 25 tries would wait for 25 timeouts; "closes" tests the same retries
        assert run() == 0
        assert server.attempted_recipients == [BAD_RECIPIENT, GOOD_RECIPIENT]  # the first retry is delayed
        run_for_two_days(run, clock)
    # A mention is dropped after a day, so it is tried less often
    most = 1 if given_up_at_once else MAX_TRIES
    assert most - 3 <= server.attempted_recipients.count(BAD_RECIPIENT) <= most
    assert server.attempted_recipients.count(GOOD_RECIPIENT) == 1


def test_a_failed_e_mail_is_sent_once_the_mail_server_accepts_it(sender, settings, clock):
    enqueue, run, _ = sender
    with mail_server(settings, **{BAD_RECIPIENT: "451"}) as server:
        enqueue(BAD_RECIPIENT, GOOD_RECIPIENT)
        clock.shift(DUE_AFTER)
        assert run() == 1
        server.faults.clear()
        assert run() == 0
        clock.shift(retry_delay(1))
        assert run() == 1
        assert run_for_two_days(run, clock) == 0
    assert [each.to for each in server.messages] == [[GOOD_RECIPIENT], [BAD_RECIPIENT]]


@pytest.mark.parametrize(
    "address",
    [
        "bad@people.example\nBcc: all@people.example",
        *slow("jürgen@people.example", "b d@people.example", "bad@"),
    ],
)
def test_an_e_mail_to_an_invalid_address_is_given_up_at_once(sender, settings, clock, address):
    enqueue, run, _ = sender
    with mail_server(settings) as server:
        enqueue(address, GOOD_RECIPIENT)
        clock.shift(DUE_AFTER)
        assert run() == 1
        run_for_two_days(run, clock)
    assert server.attempted_recipients == [GOOD_RECIPIENT]
    failure = MailFailure.objects.get()
    assert (failure.reason, failure.tries, failure.given_up) == ("invalid", 1, 1)


def test_a_recipient_with_a_non_ascii_domain_gets_the_e_mail(sender, settings, clock):
    enqueue, run, _ = sender
    with mail_server(settings) as server:
        enqueue("bad@bücher.example", GOOD_RECIPIENT)
        clock.shift(DUE_AFTER)
        assert run() == 2
    assert server.attempted_recipients == ["bad@xn--bcher-kva.example", GOOD_RECIPIENT]
    assert not MailFailure.objects.exists()


def test_a_run_stops_after_connection_failures_and_the_next_run_continues(tenants, settings, clock):
    addresses = [f"{number}@people.example" for number in range(5)]
    with mail_server(settings, **dict.fromkeys(addresses[:4], "closes")) as server:
        for address in addresses:
            queue_transcript(tenants, address)
            clock.shift(1)
        assert inbox_mail.send_transcripts() == 0
        assert server.attempted_recipients == addresses[:3]
        assert inbox_mail.send_transcripts() == 1
        assert server.attempted_recipients == addresses


def test_retry_delays_grow_to_an_hour_and_end_within_a_day():
    pauses = [retry_delay(tries) for tries in range(1, MAX_TRIES)]
    assert pauses[:3] == [timedelta(minutes=10), timedelta(minutes=20), timedelta(minutes=40)]
    assert max(pauses) == timedelta(hours=1)
    assert timedelta(hours=18) < sum(pauses, timedelta()) < timedelta(hours=24)


def test_a_new_reply_is_mailed_after_one_that_was_given_up(tenants, settings, clock):
    with mail_server(settings, **{BAD_RECIPIENT: "550"}) as server:
        queue_reply(tenants, BAD_RECIPIENT)
        clock.shift(DUE_AFTER)
        assert mail_replies() == 0
        server.faults.clear()
        assert run_for_two_days(mail_replies, clock) == 0
        send_message(Conversation.objects.get(), role=Message.Role.OPERATOR, body="Still there?", channel=Channel.API)
        clock.shift(DUE_AFTER)
        assert mail_replies() == 1
    text = server.messages[0].message.get_body(("plain",)).get_content()
    assert "We do." in text
    assert "Still there?" in text


def test_mail_from_a_refused_sender_is_retried_for_a_day(tenants, settings, clock):
    tenants.north.email_from = "north@acme.example"
    tenants.north.save()
    with mail_server(settings) as server:
        server.refused_senders.add("north@acme.example")
        queue_reply(tenants, GOOD_RECIPIENT)
        clock.shift(DUE_AFTER)
        assert mail_replies() == 0
        assert MailFailure.objects.get().reason == "sender"
        server.refused_senders.clear()
        assert run_for_two_days(mail_replies, clock) == 1


def overview(client, operator):
    client.force_login(operator)
    cache.clear()
    return client.get("/app/").content.decode()


def test_only_owners_see_mail_failures_on_the_overview(tenants, client, settings, clock):
    carol = Operator.objects.create_operator(
        workspace=tenants.acme, email="c@acme.example", password=None, name="Carol", role="admin", sees_all_brands=False
    )
    carol.brands.add(tenants.south, through_defaults={"workspace": tenants.acme})
    with mail_server(settings, **{BAD_RECIPIENT: "550"}):
        queue_reply(tenants, BAD_RECIPIENT)
        clock.shift(DUE_AFTER)
        mail_replies()
    page = overview(client, tenants.alice)
    assert "North: Replies to visitors." in page
    assert "The mail server rejected the recipient." in page
    assert "1 e-mail will not be retried." in page
    assert BAD_RECIPIENT not in page
    for operator in (
        tenants.bob,
        carol,
        tenants.mallory,
    ):  # an operator, an admin of South, the owner of another workspace
        assert "could not be sent" not in overview(client, operator)
    clock.shift(timedelta(days=8))
    assert "could not be sent" not in overview(client, tenants.alice)
    clock.shift(timedelta(days=30))
    mail.purge_failures()
    assert not MailFailure.objects.exists()


def test_a_reply_written_while_an_e_mail_is_given_up_is_mailed(tenants, settings, clock):
    with mail_server(settings, **{BAD_RECIPIENT: "550"}) as server:
        queue_reply(tenants, BAD_RECIPIENT)
        clock.shift(DUE_AFTER)
        due = widget_mail._next_due()
        send_message(Conversation.objects.get(), role=Message.Role.OPERATOR, body="Still there?", channel=Channel.API)
        widget_mail._finish(due, is_sent=False)
        server.faults.clear()
        clock.shift(DUE_AFTER)
        assert mail_replies() == 1
    (sent,) = server.messages
    text = sent.message.get_body(("plain",)).get_content()
    assert "We do." in text
    assert "Still there?" in text
