"""Use the client that openapi-python-client creates; see tests/rest/test_generated_clients.py."""

import json
import os

from praxtalk_client import AuthenticatedClient
from praxtalk_client.api.conversations import get_conversation, list_conversations, send_message
from praxtalk_client.api.events import list_events
from praxtalk_client.api.leads import create_lead, list_leads
from praxtalk_client.models import ConversationStatus, LeadCreatedEvent, NewLeadRequest, NewMessageRequest

with AuthenticatedClient(base_url=os.environ["BASE"], token=os.environ["KEY"]) as client:
    response = list_conversations.sync(client=client, limit=10)
    newest = response.conversations[0]
    again = list_conversations.sync(
        client=client, updated_since=newest.updated_at, status=ConversationStatus.OPEN
    ).conversations
    thread = get_conversation.sync(str(newest.field_id), client=client).conversation
    sent = send_message.sync(
        str(newest.field_id),
        client=client,
        body=NewMessageRequest(body="Hello from a client"),
        idempotency_key="python",
    )
    lead = NewLeadRequest(name="Maya", email="maya@acme.example", conversation_id=str(newest.field_id))
    created = create_lead.sync(client=client, body=lead)
    [first, *_] = list_leads.sync(client=client).leads
    feed = list_events.sync(client=client, limit=100)
    [event] = [LeadCreatedEvent.from_dict(each.to_dict()) for each in feed.events if each.type_ == "lead.created"]
    refusal = get_conversation.sync("nobody", client=client)

message = thread.messages[0]
print(
    json.dumps(
        {
            "listed": [
                {
                    "id": str(row.field_id),
                    "status": row.status.value,
                    "assignee": row.assignee.name if row.assignee else "",
                    "snoozedUntil": row.snoozed_until or 0,
                    "updatedAt": row.updated_at,
                }
                for row in response.conversations
            ],
            "syncedAt": response.synced_at,
            "again": len(again),
            "thread": [thread.brand.name, message.body, message.role.value, message.created_at],
            "messageId": str(sent.message_id),
            "leadId": str(created.lead_id),
            "lead": [str(first.field_id), first.email, first.status.value, first.created_at],
            "event": [event.type_, event.data.lead.name, event.data.lead.updated_at],
            "refusal": refusal.error,
        }
    )
)
