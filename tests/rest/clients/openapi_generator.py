"""Use the client that openapi-generator creates for Python; see tests/rest/test_generated_clients.py."""

import json
import os

import openapi_client as praxtalk
from openapi_client.models.lead_created_event import LeadCreatedEvent

configuration = praxtalk.Configuration(host=os.environ["BASE"], access_token=os.environ["KEY"])
with praxtalk.ApiClient(configuration) as client:
    conversations = praxtalk.ConversationsApi(client)
    response = conversations.list_conversations(limit=10)
    newest = response.conversations[0]
    again = conversations.list_conversations(updated_since=newest.updated_at, status=praxtalk.ConversationStatus.OPEN)
    thread = conversations.get_conversation(str(newest.id)).conversation
    sent = conversations.send_message(
        str(newest.id), praxtalk.NewMessageRequest(body="Hello from a client"), idempotency_key="python"
    )
    lead = praxtalk.NewLeadRequest(name="Maya", email="maya@acme.example", conversationId=str(newest.id))
    created = praxtalk.LeadsApi(client).create_lead(lead)
    [first, *_] = praxtalk.LeadsApi(client).list_leads().leads
    feed = praxtalk.EventsApi(client).list_events(limit=100)
    [event] = [LeadCreatedEvent.from_dict(each.to_dict()) for each in feed.events if each.type == "lead.created"]
    try:
        conversations.get_conversation("nobody")
    except praxtalk.exceptions.NotFoundException as error:
        refusal = error.data.error

message = thread.messages[0]
print(
    json.dumps(
        {
            "listed": [
                {
                    "id": str(row.id),
                    "status": row.status.value,
                    "assignee": row.assignee.name if row.assignee else "",
                    "snoozedUntil": row.snoozed_until or 0,
                    "updatedAt": row.updated_at,
                }
                for row in response.conversations
            ],
            "syncedAt": response.synced_at,
            "again": len(again.conversations),
            "thread": [thread.brand.name, message.body, message.role.value, message.created_at],
            "messageId": str(sent.message_id),
            "leadId": str(created.lead_id),
            "lead": [str(first.id), first.email, first.status.value, first.created_at],
            "event": [event.type, event.data.lead.name, event.data.lead.updated_at],
            "refusal": refusal,
        }
    )
)
