"""A lead that is created while its visitor is erased is erased too, or rejected."""

import threading
import time

import pytest
from django.db import connection

from accounts.models import AuditEntry
from data_requests.actions import erase_visitor_and_leads
from leads.actions import create_lead
from leads.models import Lead
from tests.conftest import make_conversation
from tests.rest.test_synced_at import WAIT_SECONDS, held_transaction

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_lead_created_during_an_erasure_is_erased_too(tenants, api_client):
    conversation = make_conversation(tenants.north)
    erased = threading.Event()

    def erase_now():
        erase_visitor_and_leads(conversation.visitor)
        erased.set()
        connection.close()

    with held_transaction(lambda: create_lead(tenants.acme.pk, name="Maya", conversation=conversation)):
        thread = threading.Thread(target=erase_now)
        thread.start()
        assert not erased.wait(0.3)
    thread.join(WAIT_SECONDS)
    assert erased.is_set()
    assert not Lead.objects.exists()
    assert AuditEntry.objects.get(action="visitor.erased").details == {"conversations": 1, "leads": 1}


def test_a_lead_for_a_conversation_under_erasure_is_a_404(tenants, api_client):
    conversation, responses = make_conversation(tenants.north), []

    def post_lead():
        responses.append(api_client.post("/api/v1/leads", {"name": "Maya", "conversationId": str(conversation.pk)}))
        connection.close()

    with held_transaction(lambda: erase_visitor_and_leads(conversation.visitor)):
        thread = threading.Thread(target=post_lead)
        thread.start()
        time.sleep(0.3)
    thread.join(WAIT_SECONDS)
    assert (responses[0].status_code, responses[0].headers["X-Error-Code"]) == (404, "not_found")
    assert not Lead.objects.exists()
