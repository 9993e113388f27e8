"""Idempotency-Key: repeated requests have one effect and get equal responses."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.urls import get_resolver
from django.utils import timezone

from conversations.models import Message
from integrations.models import Event
from leads.models import Lead
from praxtalk.core.api.models import IdempotencyRecord
from praxtalk.core.api.tasks import purge_idempotency_records
from praxtalk.core.api.view import ApiView


def send(client, conversation, key, body="Hi"):
    return client.post(f"/api/v1/conversations/{conversation.pk}/messages", {"body": body}, HTTP_IDEMPOTENCY_KEY=key)


def count_events_with(text):
    return sum(text in bytes(event.body) for event in Event.objects.filter(name="message.created"))


def test_a_repeated_request_gets_the_same_response_and_has_one_effect(api_client, conversations):
    first, again = send(api_client, conversations.north, "k1"), send(api_client, conversations.north, "k1")
    assert (again.status_code, again.content, again["Location"]) == (201, first.content, first["Location"])
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == "true"
    assert Message.objects.filter(body="Hi").count() == 1
    assert count_events_with(b'"body":"Hi"') == 1


def test_idempotency_keys_work_for_leads(api_client, db):
    first, again = (api_client.post("/api/v1/leads", {"name": "Maya"}, HTTP_IDEMPOTENCY_KEY="k") for _ in range(2))
    assert first.content == again.content
    assert Lead.objects.count() == 1


def test_every_post_endpoint_supports_idempotency_keys(api_client, db):
    views = {getattr(getattr(pattern, "callback", None), "cls", object) for pattern in get_resolver().url_patterns}
    posts = [view.post for view in views if issubclass(view, ApiView) and hasattr(view, "post")]
    assert len(posts) >= 2
    assert all(hasattr(post, "__wrapped__") for post in posts)


def test_another_body_or_path_under_the_same_key_is_refused(api_client, conversations):
    send(api_client, conversations.north, "k1")
    for response in (
        send(api_client, conversations.north, "k1", body="Other"),
        send(api_client, conversations.south, "k1"),
    ):
        assert (response.status_code, response["X-Error-Code"]) == (422, "idempotency_key_reused")
    assert Message.objects.filter(body="Other").count() == 0


def test_the_order_of_fields_does_not_matter(api_client, db):
    first = api_client.post("/api/v1/leads", {"name": "Maya", "phone": "1"}, HTTP_IDEMPOTENCY_KEY="k")
    again = api_client.post("/api/v1/leads", {"phone": "1", "name": "Maya"}, HTTP_IDEMPOTENCY_KEY="k")
    assert first.content == again.content


def test_keys_are_separate_per_api_key(tenants, api_client_for, conversations):
    first, second = api_client_for(tenants.acme), api_client_for(tenants.acme)
    assert send(first, conversations.north, "k").content != send(second, conversations.north, "k").content


def test_a_refused_request_can_be_corrected_under_the_same_key(api_client, conversations):
    assert send(api_client, conversations.north, "k", body="").status_code == 422
    assert send(api_client, conversations.north, "k", body="Mended").status_code == 201


def test_a_body_nested_too_deeply_is_refused(api_client, conversations):
    path = f"/api/v1/conversations/{conversations.north.pk}/messages"
    for depth in (100, 300, 900, 5000):
        body = b'{"body":' + b"[" * depth + b"]" * depth + b"}"
        for extra in ({}, {"HTTP_IDEMPOTENCY_KEY": "k"}):
            assert api_client.generic("POST", path, body, content_type="application/json", **extra).status_code == 422


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\u00e9", "a\tb"])
def test_invalid_idempotency_keys_are_refused(api_client, conversations, key):
    response = send(api_client, conversations.north, key)
    assert response.status_code == 422
    assert "Idempotency-Key" in response.json()["error"]


def test_idempotency_records_are_kept_for_24_hours(api_client, conversations):
    first = send(api_client, conversations.north, "k")
    with time_machine.travel(timezone.now() + timedelta(hours=23, minutes=50)):
        purge_idempotency_records()
        assert send(api_client, conversations.north, "k").content == first.content
    with time_machine.travel(timezone.now() + timedelta(hours=24, minutes=1)):
        purge_idempotency_records()
        assert not IdempotencyRecord.objects.exists()
        assert send(api_client, conversations.north, "k").content != first.content


@pytest.mark.django_db(transaction=True)
def test_20_simultaneous_requests_with_one_key_create_one_message(tenants, api_client_for, conversations):
    api_client = api_client_for(tenants.acme)

    def once(_):
        try:
            return send(api_client, conversations.north, "same", body="Only once")
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        responses = list(pool.map(once, range(20)))
    assert {(response.status_code, response.content) for response in responses} == {(201, responses[0].content)}
    assert sum(response.get("Idempotency-Replayed") == "true" for response in responses) == 19
    assert Message.objects.filter(body="Only once").count() == 1
    assert count_events_with(b'"body":"Only once"') == 1
