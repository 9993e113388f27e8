"""After an erasure, no table holds anything of the visitor: no name, e-mail address, phone number, message or search text."""

import io
import logging
import logging.config

import pytest
from django.db import DatabaseError, connection, transaction

from accounts.actions.operator_tokens import issue_token
from accounts.audit import Action, record
from accounts.models import AuditEntry
from conversations.models import Conversation, Transcript, Visitor
from integrations.actions.api_keys import create_key
from integrations.actions.subscriptions import create_webhook
from leads.actions import create_lead, update_lead
from leads.models import Lead
from praxtalk.core.api.models import IdempotencyRecord
from praxtalk.core.live import executor, functions
from praxtalk.core.live.executor import MutationId
from praxtalk.core.live.models import MutationLog
from praxtalk.core.live.results import Success
from praxtalk.logs import logging_config
from tests.conftest import ApiKeyClient
from tests.sync.live_client import call_as
from tests.webhooks.conftest import allow_loopback, deliver_due
from tests.webhooks.receivers import receiver
from tests.widget.test_attachments import image
from tests.widget.visitors import VisitorClient, identity_of

__all__ = ["allow_loopback"]

pytestmark = pytest.mark.django_db(transaction=True)

NAME, EMAIL, PHONE = "Zebulon Quixby", "zebulon.quixby@angle.example", "+48 601 777 888"
SECRETS = (
    "zebulon",
    "quixby",
    "601 777 888",
    "601777888",
    "kumquat",
    "gherkin",
    "shop.example/orders/quince",
    "tamarind",
)


def rows_by_table():
    """Return the rows of every table as lower-case text, by table name."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        found = {}
        for table in tables:
            cursor.execute(f'SELECT row_to_json(t)::text FROM "{table}" AS t')
            rows = [row[0].lower() for row in cursor.fetchall()]
            if table == "integrations_event":
                cursor.execute(f"SELECT convert_from(body, 'UTF8') FROM {table}")
                rows += [row[0].lower() for row in cursor.fetchall()]
            found[table] = "\n".join(rows)
    return found


def tables_with_personal_data():
    return {table for table, text in rows_by_table().items() if any(secret in text for secret in SECRETS)}


def leave_data_everywhere(tenants, client, crm_url):
    """Create a visitor of North and use every feature that stores their data: widget, operators, CRM, webhooks and e-mails.

    Returns the Visitor.
    """
    create_webhook(tenants.acme, url=crm_url, events=["message.created", "conversation.created", "lead.created"])
    visitor_client = VisitorClient(tenants.north)
    visitor_client.start(
        name=NAME,
        email=EMAIL,
        phone=PHONE,
        message="I ordered a kumquat",
        page="https://shop.example/orders/quince",
        identity=identity_of(tenants.north, "quixby-7", name=NAME, email=EMAIL),
    )
    visitor_client.send_message("And a gherkin")
    visitor_client.send_file("tamarind.png", image())
    conversation = Conversation.objects.get(visitor__name=NAME)
    of_conversation = {"conversationId": str(conversation.pk)}
    secret = create_key(tenants.acme, name="CRM", scope="write")[1]
    api_client = ApiKeyClient(secret)
    url = f"/api/v1/conversations/{conversation.pk}"
    api_client.post(f"{url}/messages", {"body": f"Hello {NAME}"}, headers={"Idempotency-Key": "one"})
    api_client.post(
        "/api/v1/leads",
        {"name": NAME, "email": EMAIL, "phone": PHONE, "conversationId": str(conversation.pk)},
        headers={"Idempotency-Key": "two"},
    )
    lead = create_lead(tenants.acme.pk, name=NAME, email=EMAIL, notes="likes gherkins", conversation=conversation)
    update_lead(lead, status=Lead.Status.WON)
    call_as(tenants.alice, "notes:write", **of_conversation, body="@Bob Quixby again", mentions=[str(tenants.bob.pk)])
    for name, more in {
        "conversations:sendTranscript": {"to": "visitor"},
        "conversations:assign": {"operatorId": str(tenants.alice.pk)},
        "conversations:setStatus": {"status": "resolved"},
    }.items():
        call_as(tenants.alice, name, **of_conversation, **more)
    visitor_client.call_function("widget:tell", referrer="https://shop.example/orders/quince", timeZone="Europe/Warsaw")
    visitor_client.call_function("widget:rate", rating=1, comment="Where is my gherkin?")
    reply = [{**of_conversation, "body": "Your kumquat, Zebulon", "sessionToken": issue_token(tenants.alice)[0]}]
    sent, _ = executor.run_mutation(
        functions.parse_call("messages:send", reply, kind="mutation", socket_token=None), MutationId("tab", 1)
    )
    assert isinstance(sent, Success)
    call_as(tenants.alice, "conversations:blockVisitor", **of_conversation, blocked=True)
    client.force_login(tenants.alice)
    visitor = Visitor.objects.get(name=NAME)
    call_as(tenants.alice, "visitors:update", visitorId=str(visitor.pk), phone="601777888")
    for path in (
        f"/app/visitors/{visitor.pk}/export/",
        f"/app/visitors/?q={NAME}",
        f"/app/leads/?q={NAME}",
        f"/app/leads/export/?q={NAME}&status__exact=won",
    ):
        response = client.get(path)
        assert response.status_code == 200, path
        b"".join(response.streaming_content) if response.streaming else response.content
    deliver_due()
    return visitor


def test_after_an_erasure_no_table_holds_personal_data_of_the_visitor(tenants, client):
    with receiver(response=f"thanks for {NAME}".encode()) as endpoint:
        visitor = leave_data_everywhere(tenants, client, endpoint.url)
    named = tables_with_personal_data()
    assert {"conversations_visitor", "conversations_message", "leads_lead", "integrations_event"} <= named
    assert not {"accounts_auditentry", "django_admin_log", "api_storedanswer"} & named
    assert Transcript.objects.exists()
    assert (IdempotencyRecord.objects.count(), MutationLog.objects.count()) == (2, 1)
    assert client.post(f"/app/visitors/{visitor.pk}/erase/").status_code == 302
    assert tables_with_personal_data() == set()
    actions_done = set(AuditEntry.objects.values_list("action", flat=True))
    assert {"visitor.changed", "visitor.exported", "lead.exported", "visitor.erased"} <= actions_done


def test_the_audit_log_names_exports_by_visitor_id_and_filter_names_only(tenants, client):
    with receiver() as endpoint:
        visitor = leave_data_everywhere(tenants, client, endpoint.url)
    assert AuditEntry.objects.get(action="visitor.exported").subject == str(visitor.pk)
    assert AuditEntry.objects.get(action="lead.exported").details == {"filtered_by": ["search", "status"]}
    page = client.get("/app/audit-log/").content.decode()
    assert f'href="/app/visitors/{visitor.pk}/change/"' in page
    assert "filtered_by: search, status" in page
    assert "Quixby" not in page


def test_audit_entries_cannot_be_updated_or_deleted(tenants):
    record(Action.INVITED, workspace_id=tenants.acme.pk, subject="Zoe (zoe@acme.example)", role="admin")
    for change in ("UPDATE accounts_auditentry SET subject = ''", "DELETE FROM accounts_auditentry"):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(change)


@pytest.mark.parametrize("as_json", [False, True])
def test_logged_database_errors_contain_no_row_values(tenants, as_json):
    config = logging_config(level="INFO", as_json=as_json)
    stream = io.StringIO()
    formatter = logging.config.DictConfigurator(config).configure_formatter(config["formatters"]["line"])
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.getLogger("praxtalk.test_a_traceback")
    logger.addHandler(handler)
    try:
        for value in (
            Lead(workspace=tenants.acme, name=NAME, status=EMAIL[:10]),
            Lead(pk=None, workspace=tenants.acme, name=NAME),
        ):
            try:
                value.save()
            except DatabaseError:
                logger.exception("unhandled error")
        try:
            Visitor.objects.extra(where=[f"created_at > '{NAME}'"]).count()
        except DatabaseError:
            logger.exception("unhandled error")
        try:
            {}["MPO"]
        except KeyError:
            logger.exception("unhandled error")
    finally:
        logger.removeHandler(handler)
    text = stream.getvalue()
    assert "Quixby" not in text
    assert "zebulon" not in text
    assert "SQLSTATE 22007" in text
    assert "Traceback (most recent call last)" in text
    assert "KeyError: 'MPO'" in text
    assert "test_erasure.py" in text
