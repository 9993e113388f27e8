/**
 * The operator's unconfirmed messages, and their drafts. Both are kept in localStorage, so that a reload, a restart or a dead
 * battery loses nothing.
 *
 * 1. A sent message is stored under a key of its own with a clientMessageId, and then delivered. Texts use the live connection.
 *    Files use HTTP requests, one at a time in each conversation. A file that was sent with a text waits for that text.
 * 2. When the server confirms a message, its key is removed. When the server rejects it, it stays, with the reason, until the
 *    operator resends or cancels it.
 * 3. If there is no response, or one that is not from PraxTalk, delivery is retried. After MAX_TRIES attempts it counts as
 *    rejected. During the retries, texts are still delivered; files of the same conversation wait. When the connection is back,
 *    messages that failed this way are delivered again.
 * 4. A page delivers the stored messages in order when it is opened. The server recognises each clientMessageId, so nothing is
 *    stored twice.
 * 5. All tabs show the same messages. A tab also delivers another tab's message that stays unconfirmed for TAKEOVER ms, because
 *    the other tab may be closed.
 *
 * @typedef {{id: string, name: string}} StoredFile files.js stores its content
 * @typedef {{id: string, conversationId: string, kind: "reply" | "note" | "file", body: string, mentions: string[], at: number,
 *   after?: string, seenMessageId?: string, resolves?: boolean, tries?: number,
 *   rejection?: {code: string, message: string}}} OutboxItem body: for a file, its name; after: the id of the text that a file
 *   waits for
 * @typedef {{kind: "reply" | "note", reply: string, note: string, files: StoredFile[], seenMessageId?: string}} Draft kind: which
 *   of the two is shown; files: those of the reply
 * @typedef {ReturnType<typeof createOutbox>} Outbox
 */

import { newId } from "../../live/client.js";
import { deleteFile, loadFile } from "./files.js";
import { Rejection, rejectionOf, retryAfter } from "./retries.js";

/**
 * @import { Upload } from "./http.js"
 * @import { Client } from "./types.d.ts"
 */

const PAUSE = 5; // seconds
const MAX_TRIES = 10;
const TAKEOVER = 15_000;
const UNREACHABLE = "UNREACHABLE"; // the error code of messages that got no response

/**
 * @param {object} options
 * @param {string} options.operatorId part of the storage keys, so that operators who share a machine never send each other's
 *   messages
 * @param {Client} options.client
 * @param {(upload: Upload) => Promise<void>} options.uploadFile
 * @param {() => void} options.onChange called when the unconfirmed messages change
 * @param {(conversationId: string) => void} options.onDraftChange called when another tab has changed a draft
 */
export function createOutbox({ operatorId, client, uploadFile, onChange, onDraftChange }) {
  const prefix = `praxtalk.inbox.${operatorId}.`;
  const items = /** @type {Map<string, OutboxItem>} */ (new Map());
  const delivering = /** @type {Set<string>} */ (new Set()); // ids
  const uploads = /** @type {Map<string, Promise<void>>} */ (new Map()); // the last file delivery of each conversation

  /** Store a value; null removes it. @param {string} key @param {object | null} value */
  const store = (key, value) => {
    try {
      if (value) localStorage.setItem(prefix + key, JSON.stringify(value));
      else localStorage.removeItem(prefix + key);
    } catch {
      // storage is full or denied: the value is in memory only
    }
  };

  /** @param {string} key @returns {any} */
  const load = (key) => {
    try {
      return JSON.parse(localStorage.getItem(prefix + key) ?? "null");
    } catch {
      return null;
    }
  };

  /** @param {OutboxItem} item */
  const save = (item) => {
    items.set(item.id, item);
    store(`sent.${item.id}`, item);
    onChange();
  };

  /** @param {OutboxItem} item */
  const remove = (item) => {
    items.delete(item.id);
    store(`sent.${item.id}`, null);
    onChange();
  };

  /** @param {string} id */
  const followersOf = (id) => [...items.values()].filter(({ after }) => after === id).sort(oldestFirst);

  /** @param {OutboxItem} item */
  const confirm = (item) => {
    const followers = followersOf(item.id);
    remove(item);
    if (item.kind === "file") deleteFile(item.id);
    for (const each of followers) deliver(each);
  };

  /** Deliver a message. Throws a Rejection if it is rejected, any other error if it can be retried. @param {OutboxItem} item */
  const attempt = async ({ id, conversationId, kind, body, mentions, seenMessageId, resolves }) => {
    const message = { conversationId, body, clientMessageId: id };
    if (kind === "file") {
      const file = await loadFile(id);
      if (!file) throw new Rejection("This browser no longer has the file. Attach it again.");
      await uploadFile({ conversationId, clientMessageId: id, file });
    } else if (kind === "note") await client.mutate("notes:write", { ...message, mentions });
    else await client.mutate("messages:send", { ...message, ...(seenMessageId && { seenMessageId }) });
    if (resolves) await client.mutate("conversations:setStatus", { conversationId, status: "resolved" });
  };

  /** Attempt delivery until the message is confirmed, rejected, given up or cancelled. @param {string} id */
  const deliverNow = async (id) => {
    for (;;) {
      const item = items.get(id);
      if (!item || item.rejection) return;
      try {
        await attempt(item);
        return items.has(id) ? confirm(item) : undefined;
      } catch (error) {
        const rejection = rejectionOf(error);
        const seconds = retryAfter(error);
        const tries = (item.tries ?? 0) + 1;
        if (!items.has(id)) return; // cancelled during the attempt
        if (rejection) return save({ ...item, rejection });
        if (seconds === undefined && tries >= MAX_TRIES) {
          const message = `The server did not respond (${MAX_TRIES} attempts).`;
          return save({ ...item, tries: 0, rejection: { code: UNREACHABLE, message } });
        }
        if (seconds === undefined) save({ ...item, tries });
        await new Promise((resolve) => setTimeout(resolve, (seconds ?? PAUSE) * 1000));
      }
    }
  };

  /** @param {OutboxItem} item */
  const deliver = ({ id, kind, conversationId, after }) => {
    if (delivering.has(id) || (after && items.has(after))) return;
    delivering.add(id);
    const previous = kind === "file" ? uploads.get(conversationId) : undefined;
    const delivery = (previous ? previous.then(() => deliverNow(id)) : deliverNow(id)).finally(() =>
      delivering.delete(id),
    );
    if (kind === "file") uploads.set(conversationId, delivery);
  };

  /** @param {OutboxItem} item @param {Partial<OutboxItem>} [changes] */
  const resend = (item, changes) => {
    const next = { ...item, ...changes, tries: 0, rejection: undefined };
    save(next);
    deliver(next);
  };

  const outbox = {
    /**
     * Send a text and then files; either may be missing.
     * @param {Omit<OutboxItem, "id" | "at">} what @param {StoredFile[]} [files]
     */
    send(what, files = []) {
      const text = what.body ? { ...what, id: newId(), at: nextTime() } : undefined;
      const { conversationId } = what;
      const parts = /** @type {OutboxItem[]} */ (text ? [text] : []);
      for (const { id, name } of files)
        parts.push({ id, conversationId, kind: "file", body: name, mentions: [], at: nextTime(), after: text?.id });
      parts.forEach((part, index) => {
        save({ ...part, resolves: what.resolves && index === parts.length - 1 });
      });
      for (const part of parts) deliver(part);
    },
    /** Deliver a message again. */
    resend,
    /** Deliver the messages that got no response again. Call it when the connection is back. */
    onReconnect() {
      for (const item of [...items.values()].sort(oldestFirst)) if (item.rejection?.code === UNREACHABLE) resend(item);
    },
    /**
     * Cancel a message. Return the files that waited for it, for which the caller is then responsible.
     * @param {OutboxItem} item
     */
    cancel(item) {
      const followers = followersOf(item.id);
      for (const each of [...followers, item]) remove(each);
      if (item.kind === "file") deleteFile(item.id);
      return followers.map(({ id, body }) => ({ id, name: body }));
    },
    /** Return whether a file waits for a text that was rejected. @param {OutboxItem} item */
    waitsForRejected: ({ after }) => Boolean(after && items.get(after)?.rejection),
    /** Return the unconfirmed messages of a conversation, oldest first. @param {string} conversationId */
    of: (conversationId) =>
      [...items.values()].filter((item) => item.conversationId === conversationId).sort(oldestFirst),
    /** @param {string} conversationId @returns {Draft} */
    draft: (conversationId) => toDraft(load(`draft.${conversationId}`)),
    /** @param {string} conversationId @param {Draft} draft */
    saveDraft(conversationId, draft) {
      const isEmpty = draft.kind === "reply" && !draft.reply.trim() && !draft.note.trim() && !draft.files.length;
      store(`draft.${conversationId}`, isEmpty ? null : draft);
    },
  };

  const unconfirmed = storedKeys()
    .filter((key) => key.startsWith(`${prefix}sent.`))
    .map((key) => load(key.slice(prefix.length)))
    .filter(Boolean)
    .map(toItem)
    .sort(oldestFirst);
  for (const item of unconfirmed) items.set(item.id, item);
  for (const item of unconfirmed) deliver(item);

  /** @param {string} id */
  const takeOver = (id) => {
    const item = items.get(id);
    if (item && !item.rejection) deliver(item);
  };
  addEventListener("storage", ({ key, newValue }) => {
    const [, what, id] = (key?.startsWith(prefix) && /^(sent|draft)\.(.*)/.exec(key.slice(prefix.length))) || [];
    if (what === "draft") onDraftChange(id);
    if (what !== "sent") return;
    if (newValue) items.set(id, toItem(JSON.parse(newValue)));
    else items.delete(id);
    for (const each of newValue ? [id] : followersOf(id).map((item) => item.id)) setTimeout(takeOver, TAKEOVER, each);
    onChange();
  });
  return outbox;
}

const storedKeys = () => {
  try {
    return Object.keys(localStorage);
  } catch {
    return [];
  }
};

/** Convert a stored value. Until November 2026 `rejection` was named `refused`. @param {any} value @returns {OutboxItem} */
const toItem = ({ refused, ...item }) => ({ ...item, ...(refused && { rejection: refused }) });

/** Convert a stored value. Until November 2026 a draft was one text with its kind. @param {any} value @returns {Draft} */
const toDraft = (value) => {
  if (!value) return { kind: "reply", reply: "", note: "", files: [] };
  const { kind, body = "", seenMessageId } = value;
  const { reply = kind === "note" ? "" : body, note = kind === "note" ? body : "", files = [] } = value;
  return { kind, reply, note, files, ...(seenMessageId && { seenMessageId }) };
};

/** @param {OutboxItem} a @param {OutboxItem} b */
const oldestFirst = (a, b) => a.at - b.at;

let latest = 0;

/** Return a unique, increasing time, so that messages keep the order in which they were sent. */
const nextTime = () => {
  latest = Math.max(Date.now(), latest + 1);
  return latest;
};
