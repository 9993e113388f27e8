"""Sender addresses: a domain is encoded (punycode) when the address is saved, and invalid addresses are refused."""

import os
import subprocess
import sys

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from brands.actions import configure_widget
from brands.models import Brand
from conversations.actions import send_message
from conversations.models import Channel, Conversation, Message, Visitor
from praxtalk.core.mail.headers import ascii_address
from tests.conftest import make_conversation
from tests.mail.server import mail_server
from widget.mail import mail_replies

pytestmark = pytest.mark.django_db

REFUSED = ["hällo@acme.example", "héllo@bücher.example", "no address", "a@b@c", "hello@bü cher.example"]


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("hello@bücher.example", "hello@xn--bcher-kva.example"),
        ("hello@straße.example", "hello@xn--strae-oqa.example"),
        ("hello@例え.example", "hello@xn--r8jz45g.example"),
        ("hello@acme.example", "hello@acme.example"),
        ("o'brien+talk@acme.example", "o'brien+talk@acme.example"),
    ],
)
def test_a_senders_domain_is_stored_in_punycode(tenants, given, stored):
    call_command("configure_widget", tenants.north.widget_id, "--email-from", given)
    assert Brand.objects.get(pk=tenants.north.pk).email_from == stored
    assert ascii_address(given) == stored


@pytest.mark.parametrize("address", REFUSED)
def test_a_sender_that_mail_servers_would_refuse_cannot_be_saved(tenants, address):
    with pytest.raises(CommandError):
        call_command("configure_widget", tenants.north.widget_id, "--email-from", address)
    with pytest.raises(ValidationError):
        configure_widget(tenants.north, email_from=address)
    assert Brand.objects.get(pk=tenants.north.pk).email_from == ""


def save_sender_on_brand_page(client, brand, address):
    url = f"/app/brands/{brand.pk}/change/"
    form = client.get(url).context_data["adminform"].form
    values = {name: "" if (value := form[name].value()) is None else value for name in form.fields}
    return client.post(url, {**values, "email_from": address})


def test_the_brand_page_encodes_or_refuses_a_sender(tenants, client):
    client.force_login(tenants.alice)
    page = save_sender_on_brand_page(client, tenants.north, "hällo@acme.example")
    assert page.status_code == 200
    assert "Enter a valid email address" in page.content.decode()
    assert Brand.objects.get(pk=tenants.north.pk).email_from == ""
    assert save_sender_on_brand_page(client, tenants.north, "hello@bücher.example").status_code == 302
    assert Brand.objects.get(pk=tenants.north.pk).email_from == "hello@xn--bcher-kva.example"


def test_an_unencoded_sender_from_before_is_encoded_when_mail_is_sent(tenants, settings, time_machine):
    time_machine.move_to("2026-05-04 12:00Z", tick=False)
    Brand.objects.update(email_from="hello@bücher.example", name="Bücher & Söhne")
    conversation = make_conversation(Brand.objects.get(pk=tenants.north.pk))
    Visitor.objects.update(email="maya@people.example")
    conversation = Conversation.objects.get(pk=conversation.pk)
    send_message(conversation, role=Message.Role.OPERATOR, body="We do.", channel=Channel.API)
    time_machine.shift(6 * 60)
    with mail_server(settings) as server:
        assert mail_replies() == 1
    assert server.messages[0].sender == "hello@xn--bcher-kva.example"
    assert server.messages[0].message["From"] == "Bücher & Söhne <hello@xn--bcher-kva.example>"


@pytest.mark.parametrize(
    ("value", "is_valid"),
    [("Bücher <hello@bücher.example>", True), ("hällo@acme.example", False), ("nobody", False), ("", True)],
)
def test_email_from_in_the_environment_is_encoded_or_refused_at_startup(value, is_valid):
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "praxtalk.settings"}
    environment |= {"EMAIL_FROM": value} if value else {}
    code = "from django.conf import settings; settings.EMAIL_FROM.encode('ascii'); print(settings.EMAIL_FROM)"
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (run.returncode == 0) == is_valid
    assert is_valid or "EMAIL_FROM is missing or invalid" in run.stderr
