"""A visitor who left gets the replies by e-mail, once, with a link that brings the thread back."""

import re
from datetime import timedelta

import pytest
from django.core import mail as outbox
from django.core import signing

from brands.actions import configure_widget
from conversations.actions import read_until, send_message
from conversations.models import Channel, Conversation, Message, Visitor
from tests.widget.visitors import Browser
from widget import magic_links
from widget.mail import mail_replies

pytestmark = pytest.mark.django_db
MINUTE = 60


@pytest.fixture
def maya(cast, time_machine):
    time_machine.move_to("2026-05-04 12:00Z", tick=False)
    made = Browser(cast.north)
    made.start(page="https://shop.example/cart?item=7#top", locale="de-AT")
    return made


def reply(body="We do.", author=None, role=Message.Role.OPERATOR):
    return send_message(Conversation.objects.get(), role=role, body=body, channel=Channel.API, author=author)


def link_in(message):
    return re.search(r"https?://\S+#praxtalk=\S+", message.body)[0]


def test_unseen_replies_go_together_after_five_minutes_and_once(cast, maya, time_machine):
    reply("We do.", cast.alice)
    time_machine.shift(4 * MINUTE)
    reply("About six days.")
    assert mail_replies() == 0
    time_machine.shift(1 * MINUTE)
    assert mail_replies() == 1
    assert mail_replies() == 0
    (message,) = outbox.outbox
    assert message.to == ["maya@example.com"]
    assert message.subject == "North hat Ihnen geantwortet"
    assert message.from_email.startswith("North <")
    assert "Alice:\nWe do." in message.body
    assert "North:\nAbout six days." in message.body
    assert maya.token not in message.body
    time_machine.shift(60 * MINUTE)
    assert mail_replies() == 0
    reply("Still there?")
    time_machine.shift(5 * MINUTE)
    assert mail_replies() == 1
    assert "We do." not in outbox.outbox[1].body


def test_what_was_seen_is_not_sent(maya, time_machine):
    seen = reply("We do.")
    maya.ask("widget:look", seenId=str(seen.pk))
    time_machine.shift(5 * MINUTE)
    assert mail_replies() == 0
    assert Conversation.objects.get().mail_due_at is None
    reply("one"), reply("two")
    read_until(Conversation.objects.get(), by_visitor=3)
    time_machine.shift(5 * MINUTE)
    assert mail_replies() == 1
    assert "two" in outbox.outbox[0].body
    assert "one\n" not in outbox.outbox[0].body


def test_nobody_without_an_address_and_no_visitor_of_another_channel_is_written_to(cast, maya, time_machine):
    Visitor.objects.update(email="")
    reply()
    Visitor.objects.update(email="maya@example.com")
    Conversation.objects.update(channel="api")
    reply()
    time_machine.shift(10 * MINUTE)
    assert mail_replies() == 0
    assert outbox.outbox == []


def test_an_e_mail_that_fails_is_tried_again_and_none_is_lost(maya, time_machine, settings, monkeypatch):
    reply()
    time_machine.shift(5 * MINUTE)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    assert mail_replies() == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert mail_replies() == 0
    time_machine.shift(10 * MINUTE)
    assert mail_replies() == 1


def test_a_reply_during_the_sending_is_due_anew(maya, time_machine, monkeypatch):
    from django.core.mail import EmailMessage

    reply("one")
    time_machine.shift(5 * MINUTE)
    send = EmailMessage.send

    def slow(self):
        reply("two")
        return send(self)

    monkeypatch.setattr(EmailMessage, "send", slow)
    assert mail_replies() == 1
    monkeypatch.undo()
    time_machine.shift(5 * MINUTE)
    assert mail_replies() == 1
    assert ["one" in message.body for message in outbox.outbox] == [True, False]


def test_the_link_brings_the_thread_back_on_another_device(cast, maya, time_machine, settings):
    reply()
    time_machine.shift(5 * MINUTE)
    mail_replies()
    link = link_in(outbox.outbox[0])
    assert link.startswith(f"{settings.BASE_URL}/talk/{cast.north.widget_id}#praxtalk=")
    code = link.split("#praxtalk=")[1]
    phone = Browser(cast.north, settings.BASE_URL)
    widget = {"widgetId": cast.north.widget_id}
    back = phone.post("return", {**widget, "code": code})
    assert back.status_code == 200
    for brand in (cast.south, cast.west):
        assert phone.post("return", {"widgetId": brand.widget_id, "code": code}).status_code == 401
    phone.token = back.json()["token"]
    assert phone.bodies() == maya.bodies()
    for wrong in (code[:-2], code + "x", "x", signing.dumps(str(cast.north.pk), salt="other")):
        assert phone.post("return", {**widget, "code": wrong}).status_code == 401
    assert phone.post("return", {**widget, "code": signing.dumps("7", salt=magic_links.SALT)}).status_code == 401
    time_machine.shift(timedelta(days=31))
    assert phone.post("return", {**widget, "code": code}).status_code == 401


def test_the_link_leads_to_the_visitors_page_only_where_the_brand_vouches_for_it(cast, maya, settings):
    visitor = Visitor.objects.select_related("brand").get()
    assert magic_links.return_link(visitor).startswith(settings.BASE_URL)
    configure_widget(cast.north, allowed_domains=["other.example"], email_from="hello@shop.example")
    visitor = Visitor.objects.select_related("brand").get()
    assert magic_links.return_link(visitor).startswith(settings.BASE_URL)
    configure_widget(cast.north, allowed_domains=["shop.example"])
    visitor = Visitor.objects.select_related("brand").get()
    assert magic_links.return_link(visitor).startswith("https://shop.example/cart?item=7#praxtalk=")


def test_the_sender_is_the_brands_and_names_make_no_header(cast, maya, time_machine):
    configure_widget(cast.north, email_from="hello@shop.example")
    cast.north.name = "North\nBcc: everybody@example.com"
    type(cast.north).objects.filter(pk=cast.north.pk).update(name=cast.north.name)
    reply()
    time_machine.shift(5 * MINUTE)
    assert mail_replies() == 1
    sent = outbox.outbox[0].message()
    assert "hello@shop.example" in sent["From"]
    assert sent["Bcc"] is None
    assert sent["Subject"].startswith("North Bcc: everybody")


def test_the_page_behind_the_link_carries_the_brands_widget(cast, client):
    page = client.get(f"/talk/{cast.north.widget_id}", headers={"Accept-Language": "ar-EG,en;q=0.5"})
    assert page.status_code == 200
    text = page.content.decode()
    assert f'data-widget-id="{cast.north.widget_id}" data-open' in text
    assert '<html lang="ar" dir="rtl">' in text
    assert "script-src 'self'" in page["Content-Security-Policy"]
    assert not page.cookies
    assert client.get("/talk/ws_nobody").status_code == 404
    assert client.post(f"/talk/{cast.north.widget_id}").status_code in (403, 405)
