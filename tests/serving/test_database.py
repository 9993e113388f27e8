"""Tenancy and integrity rules that the database enforces, whatever the code does."""

import uuid

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction

from brands.models import OperatorBrand
from conversations.models import Conversation, Message, Visitor
from integrations.actions.api_keys import create_key
from integrations.models import Delivery, Event, WebhookSubscription
from leads.models import Lead
from tests.conftest import make_conversation

PROJECT_APPS = ("accounts", "brands", "integrations", "conversations", "leads", "api", "live")
WITHOUT_WORKSPACE = {
    "accounts.Workspace",  # the tenant itself
    "accounts.QueuedEmail",  # sent to an address, which may belong to anybody
    "accounts.FailedAttempt",  # for an address, whether or not an account has it
    "accounts.KnownAddress",
}


def is_rejected(write):
    with pytest.raises(IntegrityError), transaction.atomic():
        write()
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    return True


def test_every_table_has_a_workspace_column():
    models = [model for app in PROJECT_APPS for model in apps.get_app_config(app).get_models()]
    assert len(models) >= 15
    without = {m._meta.label for m in models if not any(f.attname == "workspace_id" for f in m._meta.concrete_fields)}
    assert without == WITHOUT_WORKSPACE


def test_every_foreign_key_between_tenant_tables_is_bound_to_one_workspace():
    """Each foreign key to a tenant table has a composite foreign key beside it that includes the workspace or the brand."""
    loose = []
    for app in PROJECT_APPS:
        for model in apps.get_app_config(app).get_models():
            held = {f for c in model._meta.constraints for f in getattr(c, "fields", ()) if hasattr(c, "to_fields")}
            for field in model._meta.concrete_fields:
                if field.is_relation and field.name != "workspace" and field.name not in held:
                    loose.append(f"{model._meta.label}.{field.name}")
    assert loose == ["brands.Brand.operators"] or loose == []


def test_rows_cannot_reference_another_workspace(tenants):
    north, west = make_conversation(tenants.north), make_conversation(tenants.west)
    event = Event.objects.filter(workspace=tenants.globex).first()
    webhook = WebhookSubscription.objects.create(workspace=tenants.acme, url="https://x", events=["lead.created"])
    assert is_rejected(lambda: Visitor.objects.create(workspace=tenants.acme, brand=tenants.west, name="x"))
    assert is_rejected(lambda: Conversation.objects.filter(pk=north.pk).update(brand=tenants.west))
    assert is_rejected(lambda: Conversation.objects.filter(pk=north.pk).update(brand=tenants.south))
    assert is_rejected(lambda: Conversation.objects.filter(pk=north.pk).update(visitor=west.visitor))
    assert is_rejected(lambda: Conversation.objects.filter(pk=north.pk).update(assignee=tenants.mallory))
    assert is_rejected(lambda: Conversation.objects.filter(pk=north.pk).update(workspace=tenants.globex))
    assert is_rejected(lambda: Message.objects.filter(conversation=north).update(workspace=tenants.globex))
    assert is_rejected(lambda: Message.objects.filter(conversation=north).update(author=tenants.mallory))
    assert is_rejected(lambda: Lead.objects.create(workspace=tenants.acme, brand=tenants.west, name="x"))
    assert is_rejected(lambda: Lead.objects.create(workspace=tenants.acme, conversation=west, name="x"))
    assert is_rejected(
        lambda: Lead.objects.create(workspace=tenants.acme, brand=tenants.south, conversation=north, name="x")
    )
    assert is_rejected(lambda: create_key(tenants.acme, name="x", scope="read", brand=tenants.west))
    assert is_rejected(lambda: create_key(tenants.acme, name="x", scope="read", created_by=tenants.mallory))
    assert is_rejected(
        lambda: OperatorBrand.objects.create(workspace=tenants.acme, operator=tenants.bob, brand=tenants.west)
    )
    assert is_rejected(
        lambda: OperatorBrand.objects.create(workspace=tenants.acme, operator=tenants.mallory, brand=tenants.north)
    )
    assert is_rejected(lambda: Delivery.objects.create(workspace=tenants.acme, subscription=webhook, event=event))
    assert is_rejected(
        lambda: Event.objects.create(workspace=tenants.acme, brand=tenants.west, name="lead.created", body=b"{}")
    )
    Lead.objects.create(workspace=tenants.acme, brand=tenants.north, conversation=north, name="x")
    Conversation.objects.filter(pk=north.pk).update(assignee=tenants.bob)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_invalid_column_values_are_rejected(tenants):
    conversation = make_conversation(tenants.north)
    rows = Conversation.objects.filter(pk=conversation.pk)
    assert is_rejected(lambda: rows.update(status="done"))
    assert is_rejected(lambda: rows.update(channel="fax"))
    assert is_rejected(lambda: rows.update(snoozed_until=conversation.created_at))
    assert is_rejected(lambda: rows.update(message_count=5))
    messages = Message.objects.filter(conversation=conversation)
    assert is_rejected(lambda: messages.update(role="bot"))
    assert is_rejected(lambda: messages.update(body=""))
    assert is_rejected(lambda: messages.update(body="x" * 10_001))
    assert is_rejected(
        lambda: Message.objects.create(
            pk=uuid.uuid4(),
            workspace=tenants.acme,
            conversation=conversation,
            position=1,
            role="visitor",
            channel="api",
            body="x",
        )
    )
    assert is_rejected(lambda: Lead.objects.create(workspace=tenants.acme, name="x", status="hot"))
    assert is_rejected(lambda: type(tenants.north).objects.filter(pk=tenants.north.pk).update(primary_color="red"))
    assert is_rejected(lambda: type(tenants.north).objects.filter(pk=tenants.south.pk).update(slug="north"))
    assert is_rejected(lambda: type(tenants.bob).objects.filter(pk=tenants.bob.pk).update(email="ALICE@acme.example"))
    assert is_rejected(lambda: type(tenants.bob).objects.filter(pk=tenants.bob.pk).update(role="king"))


def test_incomplete_keys_and_leases_are_rejected(tenants):
    webhook = WebhookSubscription.objects.create(workspace=tenants.acme, url="https://x", events=["lead.created"])
    assert is_rejected(lambda: WebhookSubscription.objects.filter(pk=webhook.pk).update(events=[]))
    make_conversation(tenants.north)
    event = Event.objects.filter(workspace=tenants.acme).first()
    delivery = Delivery.objects.create(workspace=tenants.acme, subscription=webhook, event=event)
    assert is_rejected(lambda: Delivery.objects.filter(pk=delivery.pk).update(lease=uuid.uuid4()))
    assert is_rejected(lambda: Delivery.objects.create(workspace=tenants.acme, subscription=webhook, event=event))
