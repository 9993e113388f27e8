"""The export of a visitor's data, and the erasure of a visitor."""

import json

import pytest
from django.core.files.base import ContentFile

from accounts.models import AuditEntry
from conversations.actions import send_message
from conversations.attachments import stored_upload
from conversations.models import Attachment, Conversation, Message, Note, Visitor
from integrations.feed import events_after
from integrations.models import Attempt, Delivery, Event
from leads.actions import create_lead
from leads.models import Lead
from tests.conftest import make_conversation
from tests.widget.test_attachments import image

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def visitor(tenants, webhooks):
    """Create a visitor of North with a file, a note, a lead and webhook deliveries of them, and another visitor of North."""
    conversation = make_conversation(tenants.north, name="Maya", body="My number is 42")
    with stored_upload(tenants.acme.pk, ContentFile(image(), name="photo.png")) as attachment:
        send_message(conversation, role="visitor", body="", channel="widget", attachment=attachment)
    Note.objects.create(
        workspace=tenants.acme, conversation=conversation, position=99, author=tenants.alice, body="VIP"
    )
    create_lead(tenants.acme.pk, name="Maya the lead", conversation=conversation)
    make_conversation(tenants.north, name="Other", body="Keep me")
    return Visitor.objects.get(name="Maya")


def test_a_visitors_export_contains_all_of_their_data_only(client, tenants, visitor):
    client.force_login(tenants.bob)
    response = client.get(f"/app/visitors/{visitor.pk}/export/")
    data = json.loads(response.content)
    assert data["visitor"]["name"] == "Maya"
    [conversation] = data["conversations"]
    assert [message["body"] for message in conversation["messages"]] == ["My number is 42", "photo.png"]
    assert conversation["messages"][1]["attachments"][0]["name"] == "photo.png"
    assert [note["body"] for note in conversation["notes"]] == ["VIP"]
    assert [lead["name"] for lead in data["leads"]] == ["Maya the lead"]
    assert "Keep me" not in response.content.decode()
    assert AuditEntry.objects.filter(action="visitor.exported", operator=tenants.bob).count() == 1


def test_erasure_removes_all_data_of_the_visitor_and_none_of_others(client, tenants, visitor):
    client.force_login(tenants.alice)
    stored_file = Attachment.objects.get().file
    assert stored_file.storage.exists(stored_file.name)
    before = Event.objects.count()
    assert "1 conversation" in client.get(f"/app/visitors/{visitor.pk}/erase/").content.decode()
    assert client.post(f"/app/visitors/{visitor.pk}/erase/").status_code == 302
    assert list(Visitor.objects.filter(brand=tenants.north).values_list("name", flat=True)) == ["Other"]
    assert list(Message.objects.values_list("body", flat=True)) == ["Keep me"]
    assert (Conversation.objects.count(), Note.objects.count(), Attachment.objects.count()) == (1, 0, 0)
    assert not Lead.objects.filter(name="Maya the lead").exists()
    assert not stored_file.storage.exists(stored_file.name)
    bodies = [bytes(event.body).decode() for event in Event.objects.all()]
    assert not any("Maya the lead" in body or "My number" in body or str(visitor.pk) in body for body in bodies)
    assert any("Keep me" in body for body in bodies)
    assert Event.objects.count() < before
    assert Delivery.objects.filter(event=None).count() == Attempt.objects.filter(delivery=None).count() == 0
    page, _ = events_after(tenants.acme.pk, None, number=None, limit=100)
    assert len(page) == Event.objects.filter(workspace=tenants.acme).count()
    entry = AuditEntry.objects.get(action="visitor.erased")
    assert entry.subject == str(visitor.pk)
    assert "Maya" not in json.dumps(entry.details)
    assert client.post(f"/app/visitors/{visitor.pk}/erase/").status_code == 404


def test_an_operator_without_permission_cannot_erase_a_visitor(client, tenants, visitor):
    client.force_login(tenants.bob)
    assert client.post(f"/app/visitors/{visitor.pk}/erase/").status_code == 403
    assert Visitor.objects.filter(pk=visitor.pk).exists()
    assert "Erase" not in client.get(f"/app/visitors/{visitor.pk}/change/").content.decode()
