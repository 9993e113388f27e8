// Use openapi-fetch with the types that openapi-typescript creates; see tests/rest/test_generated_clients.py.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

type Schemas = components["schemas"];
type WebhookEvent =
  | Schemas["ConversationCreatedEvent"]
  | Schemas["ConversationStatusChangedEvent"]
  | Schemas["MessageCreatedEvent"]
  | Schemas["LeadCreatedEvent"]
  | Schemas["LeadStatusChangedEvent"];

const client = createClient<paths>({
  baseUrl: process.env.BASE,
  headers: { Authorization: `Bearer ${process.env.KEY}` },
});

function read<T>({ data, error }: { data?: T; error?: Schemas["Refusal"] }): T {
  if (data === undefined) throw new Error(error?.error);
  return data;
}

const response = read(await client.GET("/api/v1/conversations", { params: { query: { limit: 10 } } }));
const newest = response.conversations[0];
if (!newest) throw new Error("no conversation");
const query = { updatedSince: newest.updatedAt, status: "open" } as const;
const again = read(await client.GET("/api/v1/conversations", { params: { query } }));
const path = { id: newest._id };
const thread = read(await client.GET("/api/v1/conversations/{id}", { params: { path } })).conversation;
const sent = read(
  await client.POST("/api/v1/conversations/{id}/messages", {
    params: { path, header: { "Idempotency-Key": "typescript" } },
    body: { body: "Hello from a client" },
  }),
);
const created = read(
  await client.POST("/api/v1/leads", {
    body: { name: "Maya", email: "maya@acme.example", conversationId: newest._id, status: "new" },
  }),
);
const lead = read(await client.GET("/api/v1/leads")).leads[0];
const feed = read(await client.GET("/api/v1/events", { params: { query: { limit: 100 } } }));
const told: unknown[] = [];
for (const event of feed.events as unknown as WebhookEvent[])
  if (event.type === "lead.created") told.push(event.type, event.data.lead.name, event.data.lead.updatedAt);
const { error } = await client.GET("/api/v1/conversations/{id}", { params: { path: { id: "nobody" } } });
const [message] = thread.messages;

console.log(
  JSON.stringify({
    listed: response.conversations.map((row) => ({
      id: row._id,
      status: row.status,
      assignee: row.assignee?.name ?? "",
      snoozedUntil: row.snoozedUntil ?? 0,
      updatedAt: row.updatedAt,
    })),
    syncedAt: response.syncedAt,
    again: again.conversations.length,
    thread: [thread.brand.name, message?.body, message?.role, message?.createdAt],
    messageId: sent.messageId,
    leadId: created.leadId,
    lead: [lead?._id, lead?.email, lead?.status, lead?.createdAt],
    event: told,
    refusal: error?.error,
  }),
);
