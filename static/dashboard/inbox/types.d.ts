/** The types of the inbox: the state that its modules share, and the live functions that it calls. */

import type { State as ConnectionState, LiveError } from "../../live/client.js";
import type { components } from "./openapi.js";

type Schemas = components["schemas"];

export type Attachment = Pick<Schemas["AttachmentJson"], "_id" | "name" | "contentType" | "width" | "height">;
export type Brand = Schemas["BrandJson"];
export type Conversation = Schemas["ConversationJson"];
export type Lead = Schemas["LeadJson"];
export type Named = Schemas["PersonJson"];
export type Status = Schemas["ConversationStatus"];
export type Tag = Named;

/** brandIds: the brands that both operators see; null if the colleague sees all brands. */
export type Colleague = Named & { brandIds: string[] | null };
export type CannedReply = { _id: string; shortcut: string; body: string; brandId: string | null };
export type Preferences = Record<
  "sound" | "desktop" | "shortcuts" | "mentionMails" | "enterSends" | "assignOnReply" | "nextAfterResolving",
  boolean
>;
export type Me = Named & { preferences: Preferences };

type WithTags = { tags: Tag[]; rating: number | null };

/** The message that a search has found, as pieces of its text. */
export type Match = { messageId: string; createdAt: number; parts: { text: string; marked: boolean }[] };

/** A row of the list. match: only in a search; null if it has found the visitor or a tag. */
export type Row = Conversation & WithTags & { unread: boolean; lastActivityAt: number; match?: Match | null };

/** The open conversation. */
export type OpenConversation = Conversation & WithTags & { brand: Brand };

type EntryBase = { _id: string; position: number; createdAt: number };
export type MessageEntry = Schemas["MessageJson"] & EntryBase & { type: "message"; sender: string | null };
export type NoteEntry = EntryBase & { type: "note"; body: string; sender: string };

/** The details of activities, by kind. */
export type ActivityDetails = {
  status: { status: Status; until?: number; snoozeEnded?: true };
  assigned: { to: Named | null; absent?: string };
  tagged: { added: string[]; removed: string[] };
  blocked: { blocked: boolean };
  transcript: { to: string };
  rated: { rating: number; comment: string };
};
export type ActivityKind = keyof ActivityDetails;
export type Activity<Kind extends ActivityKind = ActivityKind> = {
  kind: Kind;
  actor: string;
  details: ActivityDetails[Kind];
};
export type ActivityEntry = EntryBase & Activity & { type: "activity" };
export type Entry = MessageEntry | NoteEntry | ActivityEntry;

export type Visitor = Schemas["VisitorJson"] & {
  externalId: string | null;
  page: string | null;
  referrer: string | null;
  browser: string | null;
  timeZone: string | null;
  locale: string | null;
  blocked: boolean;
  createdAt: number;
  conversations: Conversation[];
};

/** What an operator may edit of a visitor. */
export type PersonDetails = { name: string; email: string; phone: string };
export type NewLead = PersonDetails & { notes: string };

export type ViewName = "mine" | "unassigned" | "waiting" | "open" | "snoozed" | "resolved" | "closed";
export type Counts = Record<ViewName, number> & {
  unread: number;
  newest: {
    conversationId: string;
    visitor: string;
    preview: string;
    position: number;
    /** whether the operator had seen it before it became unread again */
    seen: boolean;
    snoozeEnded: boolean;
  } | null;
};
export type Mention = { conversationId: string; visitor: string; sender: string; body: string };
export type Assignment = {
  id: string;
  conversationId: string;
  visitor: string;
  assignedBy: string;
  createdAt: number;
};

/** A conversation that was taken from the operator. assignedTo: the new assignee's name, if there is one. */
export type Loss = Assignment & { assignedTo: string | null };

/** count: how many are unseen; newest: the newest of them; lost: those that others took from the operator. */
export type Assignments = { count: number; newest: Assignment[]; lost: Loss[] };

/** The arguments of a view: the filters of the list, without its paging. */
export type ListQuery = {
  status?: Status;
  brandId?: string;
  assignee?: string;
  tagId?: string;
  q?: string;
  waiting?: boolean;
  order?: "longestWaiting";
};
export type ListPage = { rows: Row[]; next: string | null };
export type ThreadPage = { conversation: OpenConversation; entries: Entry[]; hasMore: boolean };

type OfConversation<More = unknown> = { conversationId: string } & More;
type NewMessage = OfConversation<{ body: string; clientMessageId: string }>;
type StatusChange = { status: Status; snoozedUntil?: number | null };
type Ok = { ok: boolean };

/** The live queries that the inbox subscribes to. */
export type Queries = {
  "brands:list": { args: object; value: Brand[] };
  "cannedReplies:list": { args: object; value: CannedReply[] };
  "inbox:assignments": { args: object; value: Assignments };
  "inbox:counts": { args: { brandId?: string }; value: Counts };
  "inbox:list": { args: ListQuery & { limit: number; after?: string }; value: ListPage };
  "inbox:mentions": { args: object; value: Mention[] };
  "inbox:thread": { args: OfConversation<{ before?: number }>; value: ThreadPage };
  "leads:list": { args: { visitorId: string; limit: number }; value: Lead[] };
  "operators:list": { args: object; value: Colleague[] };
  "operators:me": { args: object; value: Me };
  "presence:list": { args: OfConversation; value: { operatorId: string; name: string; typing: boolean }[] };
  "presence:visitor": { args: OfConversation; value: { typing: boolean; readId: string | null } };
  "server:state": { args: object; value: { late: boolean } };
  "tags:list": { args: object; value: Tag[] };
  "visitors:get": { args: { visitorId: string }; value: Visitor };
};

/** The mutations that the inbox runs. */
export type Mutations = {
  "conversations:assign": { args: OfConversation<{ operatorId: string | null }>; value: Ok };
  "conversations:blockVisitor": { args: OfConversation<{ blocked: boolean }>; value: Ok };
  "conversations:change": {
    args: {
      conversationIds: string[];
      operatorId?: string | null;
      addTags?: string[];
      removeTags?: string[];
    } & Partial<StatusChange>;
    value: Ok;
  };
  "conversations:changeTags": { args: OfConversation<{ add: string[]; remove: string[] }>; value: Ok };
  "conversations:sendTranscript": { args: OfConversation<{ to: "visitor" | "me" }>; value: Ok };
  "conversations:setStatus": { args: OfConversation<StatusChange>; value: Ok };
  "inbox:markUnread": { args: OfConversation; value: Ok };
  "inbox:seeAssignments": { args: { until: number }; value: Ok };
  "leads:create": { args: OfConversation<NewLead & { unlessDuplicate: boolean }>; value: { leadId: string } };
  "messages:send": { args: NewMessage & { seenMessageId?: string }; value: { messageId: string } };
  "notes:write": { args: NewMessage & { mentions: string[] }; value: { noteId: string } };
  "operators:prefer": { args: Partial<Preferences>; value: Partial<Preferences> };
  "presence:touch": { args: OfConversation<{ typing: boolean }>; value: Ok };
  "tags:create": { args: { name: string }; value: { tagId: string } };
  "visitors:update": { args: { visitorId: string } & PersonDetails; value: Ok };
};

export type QueryName = keyof Queries;
export type MutationName = keyof Mutations;

/** static/live/client.js with the types of the functions above. */
export type Client = {
  watch<Name extends QueryName>(
    name: Name,
    args: Queries[Name]["args"],
    onValue: (value: Queries[Name]["value"]) => void,
    onError?: (error: LiveError) => void,
  ): () => void;
  mutate<Name extends MutationName>(name: Name, args: Mutations[Name]["args"]): Promise<Mutations[Name]["value"]>;
};

/** What the modules of the inbox share. */
export type InboxState = {
  /** null until it has loaded */
  me: Me | null;
  brands: Brand[];
  colleagues: Colleague[];
  cannedReplies: CannedReply[];
  tags: Tag[];
  connection: ConnectionState;
  isSignedOut: boolean;
  /** whether updates from others may be delayed */
  isLate: boolean;
  /** id of the open conversation, or "" */
  openId: string;
  /** the open conversation once it has loaded */
  conversation: OpenConversation | null;
};
export type InboxStore = ReturnType<typeof import("./store.js").createStore<InboxState>>;
