"""Files that operators send: who sees them, how they are cached, and which are rejected."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from conversations.models import Message
from tests.inbox.pictures import PNG

pytestmark = pytest.mark.django_db


def send_file(client, conversation, **form):
    data = {
        "conversationId": str(conversation.pk),
        "clientMessageId": "one",
        "file": SimpleUploadedFile("a.png", PNG),
        **form,
    }
    return client.post("/app/inbox/files/", data)


def test_file_sent_by_an_operator_is_visible_to_colleagues(client, tenants, conversations):
    client.force_login(tenants.bob)
    assert send_file(client, conversations.north).status_code == 201
    assert send_file(client, conversations.north).status_code == 201  # sent again with the same id
    message = Message.objects.get(role="operator", body="a.png")
    assert (message.author, message.channel) == (tenants.bob, "dashboard")
    path = f"/app/inbox/files/{message.attachments[0]['_id']}/"
    client.force_login(tenants.alice)
    response = client.get(path)
    assert b"".join(response.streaming_content) == PNG
    assert response["X-Content-Type-Options"] == "nosniff"
    client.force_login(tenants.mallory)
    assert client.get(path).status_code == 404


def test_only_the_file_response_is_cached_and_only_privately(client, tenants, conversations):
    client.force_login(tenants.bob)
    send_file(client, conversations.north)
    path = f"/app/inbox/files/{Message.objects.get(body='a.png').attachments[0]['_id']}/"
    response = client.get(path)
    assert response["Cache-Control"] == "private, max-age=3600"
    assert "Cookie" in response["Vary"]
    client.force_login(tenants.mallory)
    missing = client.get(path)
    client.logout()
    signed_out = client.get(path)
    assert (missing.status_code, signed_out.status_code) == (404, 302)
    for each in (missing, signed_out):
        assert "max-age=3600" not in each.get("Cache-Control", "")


@pytest.mark.parametrize(
    "form",
    [
        {"file": ""},
        {"file": SimpleUploadedFile("a.exe", b"MZ")},
        {"clientMessageId": ""},
        {"clientMessageId": "x" * 65},
        {"body": "x" * 10_001},
        {"body": "a\0b"},
    ],
)
def test_rejected_file_upload_returns_an_error_message(client, tenants, conversations, form):
    client.force_login(tenants.alice)
    response = send_file(client, conversations.north, **form)
    assert (response.status_code, bool(response.json()["error"])) == (422, True)


def test_files_can_be_sent_only_to_visible_conversations(client, tenants, conversations):
    client.force_login(tenants.bob)
    for conversation in (conversations.south, conversations.west):
        assert send_file(client, conversation).status_code == 404
    assert send_file(client, conversations.north, conversationId="nonsense").status_code == 404
