"""The words of the pages: names of objects, states, figures and errors that people understand."""

import html
import ipaddress

import pytest
from django.apps import apps
from django.db import models

from conversations.actions import change_tags, create_tag, send_message
from conversations.models import Channel, Message
from integrations.models import Delivery
from praxtalk.core.dashboard.charts import bars
from praxtalk.core.dashboard.site import dashboard
from widget.install_check import check_site

pytestmark = pytest.mark.django_db


def models_of_the_dashboard():
    """Return the models that pages name: those with pages of their own, and all that belong to a workspace."""
    registered = set(dashboard._registry)
    return [
        model
        for model in apps.get_models()
        if model in registered or any(field.name == "workspace" for field in model._meta.fields)
    ]


@pytest.mark.parametrize("model", models_of_the_dashboard(), ids=lambda model: model.__name__)
def test_every_model_has_a_readable_name(model):
    assert model.__str__ is not models.Model.__str__
    text = str(model(pk=model._meta.pk.to_python(None)))
    assert "object (" not in text


def test_the_question_before_deleting_a_tag_says_from_how_many_conversations_it_goes(client, tenants, conversations):
    tag = create_tag(tenants.acme.pk, name="vip")
    change_tags(conversations.north, add=[tag.pk])
    client.force_login(tenants.alice)
    page = client.get(f"/app/tags/{tag.pk}/delete/").content.decode()
    assert "object (" not in page
    assert "It will be removed from 1 conversation." in page


def test_replies_of_a_key_are_not_counted_as_those_of_operators(client, tenants, conversations, api_client):
    api_client.post(f"/api/v1/conversations/{conversations.north.pk}/messages", {"body": "Hello"})
    client.force_login(tenants.alice)
    page = client.get("/app/").content.decode()
    assert "No operator has replied in this period. The replies came through the REST API." in page
    assert "<dt>Replied to</dt>" in page
    send_message(
        conversations.north, role=Message.Role.OPERATOR, body="Hi", channel=Channel.DASHBOARD, author=tenants.bob
    )
    client.get("/app/", {"days": 7})
    assert "No operator has replied" not in client.get("/app/", {"days": 7}).content.decode()


def test_a_chart_without_values_has_no_scale():
    assert ">None in this period<" in bars("Replies", ["2026-05-01", "2026-05-02"], [0, 0])
    assert ">1<" not in bars("Replies", ["2026-05-01", "2026-05-02"], [0, 0])
    assert ">3<" in bars("Replies", ["2026-05-01", "2026-05-02"], [0, 3])


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"status": "pending", "attempts_made": 0}, "Pending"),
        ({"status": "pending", "attempts_made": 2}, "Retrying"),
        ({"status": "held"}, "Queued"),
        ({"status": "failed"}, "Failed"),
    ],
)
def test_the_event_log_tells_a_retry_from_a_first_attempt(client, tenants, webhooks, values, word):
    Delivery.objects.filter(pk=webhooks.north_delivery.pk).update(**values)
    client.force_login(tenants.alice)
    for path in ("/app/integrations/events/", f"/app/integrations/events/{webhooks.north_delivery.pk}/"):
        assert f">{word}</span>" in client.get(path).content.decode()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://no-such-host.invalid/", "There is no server with the name no-such-host.invalid."),
        ("http://127.0.0.1:1025/", "127.0.0.1 does not accept connections: "),
        ("http://127.0.0.1:9/", "The port must be 80, 443, or 1024 to 65535."),
    ],
)
def test_the_check_of_a_site_answers_in_sentences(tenants, settings, url, sentence):
    settings.WEBHOOK_ALLOW_CIDRS = [ipaddress.ip_network("127.0.0.0/8")]
    [result] = check_site(tenants.north, url)
    assert not result.passed
    assert "url:" not in result.message
    assert result.message.startswith(sentence)


def test_slow_forms_say_that_they_are_working(client, tenants, webhooks):
    client.force_login(tenants.alice)
    for path in (f"/app/brands/{tenants.north.pk}/check/", f"/app/integrations/webhooks/{webhooks.north.pk}/"):
        page = client.get(path).content.decode()
        assert "This can take up to 15 seconds." in page
        assert "dashboard/busy" in page


def test_the_snippet_of_the_agent_sdk_handles_errors(client, tenants):
    client.force_login(tenants.alice)
    page = html.unescape(client.get("/app/integrations/sdk/").content.decode())
    assert "(error) => showError(" in page


def test_the_form_of_a_canned_reply_names_placeholders_and_shortcuts(client, tenants):
    client.force_login(tenants.alice)
    page = client.get("/app/canned-replies/add/").content.decode()
    assert "The inbox replaces these placeholders: {{visitor.name}}, {{visitor.email}}" in page
    assert "operators type / and the shortcut" in page
