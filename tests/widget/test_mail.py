"""Visitors who left receive replies by e-mail, once, with a magic link to their thread."""

import re
from datetime import timedelta

import pytest
from django.core import mail as outbox
from django.core import signing

from brands.actions import configure_widget
from conversations.actions import read_until, send_message
from conversations.models import Channel, Conversation, Message, Visitor
from tests.widget.visitors import VisitorClient
from widget import magic_links
from widget.mail import mail_replies

pytestmark = pytest.mark.django_db
MINUTE = 60


@pytest.fixture
def visitor_client(tenants, time_machine):
    time_machine.move_to("2026-05-04 12:00Z", tick=False)
    visitor_client = VisitorClient(tenants.north)
    visitor_client.start(page="https://shop.example/cart?item=7#top", locale="de-AT")
    return visitor_client


def reply(body="We do.", author=None, role=Message.Role.OPERATOR):
    return send_message(Conversation.objects.get(), role=role, body=body, channel=Channel.API, author=author)


def link_in(message):
    return re.search(r"https?://\S+#praxtalk=\S+", message.body)[0]


def test_unseen_replies_are_mailed_together_once_after_five_minutes(tenants, visitor_client, time_machine):
    reply("We do.", tenants.alice)
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
    assert visitor_client.token not in message.body
    time_machine.shift(60 * MINUTE)
    assert mail_replies() == 0
    reply("Still there?")
    time_machine.shift(5 * MINUTE)
    assert mail_replies() == 1
    assert "We do." not in outbox.outbox[1].body


def test_replies_are_mailed_with_their_markdown_and_as_typed(tenants, visitor_client, time_machine):
    reply("**Yes** <b>: www.shop.example", tenants.alice)
    time_machine.shift(5 * MINUTE)
    assert mail_replies() == 1
    (message,) = outbox.outbox
    assert "**Yes** <b>: www.shop.example" in message.body
    ((html, content_type),) = message.alternatives
    assert content_type == "text/html"
    assert '<html lang="de" dir="ltr">' in html
    assert '<strong>Yes</strong> &lt;b&gt;: <a href="http://www.shop.example"' in html
    assert html.count(link_in(message)) == 2  # as the address and as the text


def test_seen_replies_are_not_mailed(visitor_client, time_machine):
    seen = reply("We do.")
    visitor_client.call_function("widget:look", seenId=str(seen.pk))
    time_machine.shift(5 * MINUTE)
    assert mail_replies() == 0
    assert Conversation.objects.get().mail_due_at is None
    reply("one"), reply("two")
    read_until(Conversation.objects.get(), by_visitor=3)
    time_machine.shift(5 * MINUTE)
    assert mail_replies() == 1
    assert "two" in outbox.outbox[0].body
    assert "one\n" not in outbox.outbox[0].body


def test_visitors_without_an_address_or_of_another_channel_are_not_mailed(tenants, visitor_client, time_machine):
    Visitor.objects.update(email="")
    reply()
    Visitor.objects.update(email="maya@example.com")
    Conversation.objects.update(channel="api")
    reply()
    time_machine.shift(10 * MINUTE)
    assert mail_replies() == 0
    assert outbox.outbox == []


def test_failed_mail_is_retried(visitor_client, time_machine, settings, monkeypatch):
    reply()
    time_machine.shift(5 * MINUTE)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    assert mail_replies() == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert mail_replies() == 0
    time_machine.shift(10 * MINUTE)
    assert mail_replies() == 1


def test_reply_made_while_sending_is_mailed_later(visitor_client, time_machine, monkeypatch):
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


def test_magic_link_opens_the_thread_on_another_device(tenants, visitor_client, time_machine, settings):
    reply()
    time_machine.shift(5 * MINUTE)
    mail_replies()
    link = link_in(outbox.outbox[0])
    assert link.startswith(f"{settings.BASE_URL}/talk/{tenants.north.widget_id}#praxtalk=")
    code = link.split("#praxtalk=")[1]
    phone = VisitorClient(tenants.north, settings.BASE_URL)
    widget = {"widgetId": tenants.north.widget_id}
    back = phone.post("return", {**widget, "code": code})
    assert back.status_code == 200
    for brand in (tenants.south, tenants.west):
        assert phone.post("return", {"widgetId": brand.widget_id, "code": code}).status_code == 401
    phone.token = back.json()["token"]
    assert phone.bodies() == visitor_client.bodies()
    for wrong in (code[:-2], code + "x", "x", signing.dumps(str(tenants.north.pk), salt="other")):
        assert phone.post("return", {**widget, "code": wrong}).status_code == 401
    assert phone.post("return", {**widget, "code": signing.dumps("7", salt=magic_links.SALT)}).status_code == 401
    time_machine.shift(timedelta(days=31))
    assert phone.post("return", {**widget, "code": code}).status_code == 401


def test_magic_link_leads_to_the_visitors_page_only_on_allowed_domains(tenants, visitor_client, settings):
    visitor = Visitor.objects.select_related("brand").get()
    assert magic_links.magic_link(visitor).startswith(settings.BASE_URL)
    configure_widget(tenants.north, allowed_domains=["other.example"], email_from="hello@shop.example")
    visitor = Visitor.objects.select_related("brand").get()
    assert magic_links.magic_link(visitor).startswith(settings.BASE_URL)
    configure_widget(tenants.north, allowed_domains=["shop.example"])
    visitor = Visitor.objects.select_related("brand").get()
    assert magic_links.magic_link(visitor).startswith("https://shop.example/cart?item=7#praxtalk=")


def test_sender_is_the_brand_and_names_cannot_inject_headers(tenants, visitor_client, time_machine):
    configure_widget(tenants.north, email_from="hello@shop.example")
    tenants.north.name = "North\nBcc: everybody@example.com"
    type(tenants.north).objects.filter(pk=tenants.north.pk).update(name=tenants.north.name)
    reply()
    time_machine.shift(5 * MINUTE)
    assert mail_replies() == 1
    sent = outbox.outbox[0].message()
    assert "hello@shop.example" in sent["From"]
    assert sent["Bcc"] is None
    assert sent["Subject"].startswith("North Bcc: everybody")


def test_chat_page_of_the_link_shows_the_brands_widget(tenants, client):
    page = client.get(f"/talk/{tenants.north.widget_id}", headers={"Accept-Language": "ar-EG,en;q=0.5"})
    assert page.status_code == 200
    text = page.content.decode()
    assert f'data-widget-id="{tenants.north.widget_id}" data-open' in text
    assert '<html lang="ar" dir="rtl">' in text
    assert "script-src 'self'" in page["Content-Security-Policy"]
    assert not page.cookies
    assert client.get("/talk/ws_nobody").status_code == 404
    assert client.post(f"/talk/{tenants.north.widget_id}").status_code in (403, 405)
