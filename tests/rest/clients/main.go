// Use the client that openapi-generator creates for Go; see tests/rest/test_generated_clients.py.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	praxtalk "praxtalk"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	configuration := praxtalk.NewConfiguration()
	configuration.Servers = praxtalk.ServerConfigurations{{URL: os.Getenv("BASE")}}
	client := praxtalk.NewAPIClient(configuration)
	ctx := context.WithValue(context.Background(), praxtalk.ContextAccessToken, os.Getenv("KEY"))

	list, _, err := client.ConversationsAPI.ListConversations(ctx).Limit(10).Execute()
	must(err)
	listed := []map[string]any{}
	for _, row := range list.Conversations {
		assignee, snoozedUntil := "", int64(0)
		if row.Assignee.Get() != nil {
			assignee = row.Assignee.Get().Name
		}
		if row.SnoozedUntil.Get() != nil {
			snoozedUntil = *row.SnoozedUntil.Get()
		}
		listed = append(listed, map[string]any{
			"id": row.Id, "status": row.Status, "assignee": assignee,
			"snoozedUntil": snoozedUntil, "updatedAt": row.UpdatedAt,
		})
	}
	newest := list.Conversations[0]
	again, _, err := client.ConversationsAPI.ListConversations(ctx).UpdatedSince(newest.UpdatedAt).
		Status(praxtalk.OPEN).Execute()
	must(err)
	thread, _, err := client.ConversationsAPI.GetConversation(ctx, newest.Id).Execute()
	must(err)
	message := thread.Conversation.Messages[0]
	sent, _, err := client.ConversationsAPI.SendMessage(ctx, newest.Id).IdempotencyKey("go").
		NewMessageRequest(*praxtalk.NewNewMessageRequest("Hello from a client")).Execute()
	must(err)
	lead := praxtalk.NewNewLeadRequest("Maya")
	lead.SetEmail("maya@acme.example")
	lead.SetConversationId(newest.Id)
	created, _, err := client.LeadsAPI.CreateLead(ctx).NewLeadRequest(*lead).Execute()
	must(err)
	leads, _, err := client.LeadsAPI.ListLeads(ctx).Execute()
	must(err)
	feed, _, err := client.EventsAPI.ListEvents(ctx).Limit(100).Execute()
	must(err)
	var event praxtalk.LeadCreatedEvent
	for _, each := range feed.Events {
		if each.Type == "lead.created" {
			body, err := json.Marshal(each)
			must(err)
			must(json.Unmarshal(body, &event))
		}
	}
	_, _, err = client.ConversationsAPI.GetConversation(ctx, "nobody").Execute()
	var refused *praxtalk.GenericOpenAPIError
	if !errors.As(err, &refused) {
		must(fmt.Errorf("not refused: %v", err))
	}
	refusal := refused.Model().(praxtalk.Refusal)

	must(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"listed": listed, "syncedAt": list.SyncedAt, "again": len(again.Conversations),
		"thread":    []any{thread.Conversation.Brand.Name, message.Body, message.Role, message.CreatedAt},
		"messageId": sent.MessageId, "leadId": created.LeadId,
		"lead":    []any{leads.Leads[0].Id, *leads.Leads[0].Email.Get(), leads.Leads[0].Status, leads.Leads[0].CreatedAt},
		"event":   []any{event.Type, event.Data.Lead.Name, event.Data.Lead.UpdatedAt},
		"refusal": refusal.Error,
	}))
}
