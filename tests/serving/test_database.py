"""Tenancy and rules that the database itself holds, whatever the code above it does."""

import uuid

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction

from brands.models import OperatorBrand
from conversations.models import Conversation, Message, Visitor
from integrations.actions.api_keys import create_key
from integrations.models import Delivery, Event, WebhookSubscription
from leads.models import Lead
from tests.conftest import make_talk

OURS = ("accounts", "brands", "integrations", "conversations", "leads", "api")
WITHOUT_WORKSPACE = {
    "accounts.Workspace",  # the tenant itself
    "accounts.QueuedEmail",  # to an address, whoever has it
    "accounts.FailedAttempt",  # on an address, whether or not somebody has it
    "accounts.KnownAddress",
}


def refused(write):
    with pytest.raises(IntegrityError), transaction.atomic():
        write()
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    return True


def test_every_table_carries_its_workspace():
    models = [model for app in OURS for model in apps.get_app_config(app).get_models()]
    assert len(models) >= 15
    without = {m._meta.label for m in models if not any(f.attname == "workspace_id" for f in m._meta.concrete_fields)}
    assert without == WITHOUT_WORKSPACE


def test_every_reference_between_tenant_tables_is_held_to_one_workspace():
    """Each foreign key to a tenant table has a composite one beside it that includes the workspace, or its brand."""
    loose = []
    for app in OURS:
        for model in apps.get_app_config(app).get_models():
            held = {f for c in model._meta.constraints for f in getattr(c, "fields", ()) if hasattr(c, "to_fields")}
            for field in model._meta.concrete_fields:
                if field.is_relation and field.name != "workspace" and field.name not in held:
                    loose.append(f"{model._meta.label}.{field.name}")
    assert loose == ["brands.Brand.operators"] or loose == []


def test_rows_of_two_workspaces_cannot_be_joined(cast):
    north, west = make_talk(cast.north), make_talk(cast.west)
    event = Event.objects.filter(workspace=cast.globex).first()
    webhook = WebhookSubscription.objects.create(workspace=cast.acme, url="https://x", events=["lead.created"])
    assert refused(lambda: Visitor.objects.create(workspace=cast.acme, brand=cast.west, name="x"))
    assert refused(lambda: Conversation.objects.filter(pk=north.pk).update(brand=cast.west))
    assert refused(lambda: Conversation.objects.filter(pk=north.pk).update(brand=cast.south))
    assert refused(lambda: Conversation.objects.filter(pk=north.pk).update(visitor=west.visitor))
    assert refused(lambda: Conversation.objects.filter(pk=north.pk).update(assignee=cast.mallory))
    assert refused(lambda: Conversation.objects.filter(pk=north.pk).update(workspace=cast.globex))
    assert refused(lambda: Message.objects.filter(conversation=north).update(workspace=cast.globex))
    assert refused(lambda: Message.objects.filter(conversation=north).update(author=cast.mallory))
    assert refused(lambda: Lead.objects.create(workspace=cast.acme, brand=cast.west, name="x"))
    assert refused(lambda: Lead.objects.create(workspace=cast.acme, conversation=west, name="x"))
    assert refused(lambda: Lead.objects.create(workspace=cast.acme, brand=cast.south, conversation=north, name="x"))
    assert refused(lambda: create_key(cast.acme, name="x", scope="read", brand=cast.west))
    assert refused(lambda: create_key(cast.acme, name="x", scope="read", created_by=cast.mallory))
    assert refused(lambda: OperatorBrand.objects.create(workspace=cast.acme, operator=cast.bob, brand=cast.west))
    assert refused(lambda: OperatorBrand.objects.create(workspace=cast.acme, operator=cast.mallory, brand=cast.north))
    assert refused(lambda: Delivery.objects.create(workspace=cast.acme, subscription=webhook, event=event))
    assert refused(lambda: Event.objects.create(workspace=cast.acme, brand=cast.west, name="lead.created", body=b"{}"))
    Lead.objects.create(workspace=cast.acme, brand=cast.north, conversation=north, name="x")
    Conversation.objects.filter(pk=north.pk).update(assignee=cast.bob)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_values_outside_the_lists_are_refused(cast):
    conversation = make_talk(cast.north)
    rows = Conversation.objects.filter(pk=conversation.pk)
    assert refused(lambda: rows.update(status="done"))
    assert refused(lambda: rows.update(channel="fax"))
    assert refused(lambda: rows.update(snoozed_until=conversation.created_at))
    assert refused(lambda: rows.update(message_count=5))
    messages = Message.objects.filter(conversation=conversation)
    assert refused(lambda: messages.update(role="bot"))
    assert refused(lambda: messages.update(body=""))
    assert refused(lambda: messages.update(body="x" * 10_001))
    assert refused(
        lambda: Message.objects.create(
            pk=uuid.uuid4(),
            workspace=cast.acme,
            conversation=conversation,
            position=1,
            role="visitor",
            channel="api",
            body="x",
        )
    )
    assert refused(lambda: Lead.objects.create(workspace=cast.acme, name="x", status="hot"))
    assert refused(lambda: type(cast.north).objects.filter(pk=cast.north.pk).update(primary_color="red"))
    assert refused(lambda: type(cast.north).objects.filter(pk=cast.south.pk).update(slug="north"))
    assert refused(lambda: type(cast.bob).objects.filter(pk=cast.bob.pk).update(email="ALICE@acme.example"))
    assert refused(lambda: type(cast.bob).objects.filter(pk=cast.bob.pk).update(role="king"))


def test_a_key_and_a_lease_are_whole_or_not_there(cast):
    webhook = WebhookSubscription.objects.create(workspace=cast.acme, url="https://x", events=["lead.created"])
    assert refused(lambda: WebhookSubscription.objects.filter(pk=webhook.pk).update(events=[]))
    make_talk(cast.north)
    event = Event.objects.filter(workspace=cast.acme).first()
    delivery = Delivery.objects.create(workspace=cast.acme, subscription=webhook, event=event)
    assert refused(lambda: Delivery.objects.filter(pk=delivery.pk).update(lease=uuid.uuid4()))
    assert refused(lambda: Delivery.objects.create(workspace=cast.acme, subscription=webhook, event=event))
