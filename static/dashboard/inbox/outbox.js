/**
 * The operator's unconfirmed messages, and their drafts. Both are kept in localStorage, so that a reload, a restart or a dead
 * battery loses nothing.
 *
 * 1. A sent message is stored under a key of its own with a clientMessageId, and then delivered. Texts use the live connection.
 *    Files use HTTP requests, one at a time in each conversation. A file that was sent with a text waits for that text.
 * 2. When the server confirms a message, its key is removed. When the server rejects it, it stays, with the reason, until the
 *    operator resends or withdraws it.
 * 3. If there is no response, or one that is not from PraxTalk, delivery is retried. After MOST_TRIES attempts it counts as
 *    rejected. During the retries, texts are still delivered; files of the same conversation wait. When the connection is back,
 *    messages that failed this way are delivered again.
 * 4. A page delivers the stored messages in order when it is opened. The server recognises each clientMessageId, so nothing is
 *    stored twice.
 * 5. All tabs show the same messages. A tab also delivers another tab's message that stays unconfirmed for TAKEOVER ms, because
 *    the other tab may be closed.
 *
 * @typedef {{id: string, name: string}} KeptFile files.js stores its content
 * @typedef {{id: string, conversationId: string, kind: "reply" | "note" | "file", body: string, mentions: string[], at: number,
 *   after?: string, seenMessageId?: string, resolves?: boolean, tries?: number,
 *   refused?: {code: string, message: string}}} Sent body: for a file, its name; after: the id of the text that a file waits for
 * @typedef {{kind: "reply" | "note", reply: string, note: string, files: KeptFile[], seenMessageId?: string}} Draft kind: which
 *   of the two is shown; files: those of the reply
 * @typedef {ReturnType<typeof import("../../live/client.js").connect>} Client
 */

import { Refusal, refusalOf, secondsToWait } from "./answers.js";
import { forgetFile, keptFile } from "./files.js";
import { sendFile } from "./http.js";

const PAUSE = 5; // seconds
const MOST_TRIES = 10;
const TAKEOVER = 15_000;
const UNREACHABLE = "UNREACHABLE"; // the error code of messages that got no response

/**
 * @param {string} operatorId part of the storage keys, so that operators who share a machine never send each other's messages
 * @param {Client} client
 * @param {() => void} onChange called when the unconfirmed messages change
 * @param {(conversationId: string) => void} onDraft called when another tab has changed a draft
 */
export function createOutbox(operatorId, client, onChange, onDraft) {
  const prefix = `praxtalk.inbox.${operatorId}.`;
  const held = /** @type {Map<string, Sent>} */ (new Map());
  const underway = /** @type {Set<string>} */ (new Set()); // ids that this tab is delivering
  const lines = /** @type {Map<string, Promise<void>>} */ (new Map()); // the last file delivery of each conversation

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
  const stored = (key) => {
    try {
      return JSON.parse(localStorage.getItem(prefix + key) ?? "null");
    } catch {
      return null;
    }
  };

  /** @param {Sent} sent */
  const keep = (sent) => {
    held.set(sent.id, sent);
    store(`sent.${sent.id}`, sent);
    onChange();
  };

  /** @param {Sent} sent */
  const drop = (sent) => {
    held.delete(sent.id);
    store(`sent.${sent.id}`, null);
    onChange();
  };

  /** @param {string} id */
  const followersOf = (id) => [...held.values()].filter(({ after }) => after === id).sort(oldestFirst);

  /** @param {Sent} sent */
  const confirm = (sent) => {
    const followers = followersOf(sent.id);
    drop(sent);
    if (sent.kind === "file") forgetFile(sent.id);
    for (const each of followers) deliver(each);
  };

  /** Deliver a message. Throws a Refusal if it is rejected, any other error if it can be retried. @param {Sent} sent */
  const attempt = async ({ id, conversationId, kind, body, mentions, seenMessageId, resolves }) => {
    const message = { conversationId, body, clientMessageId: id };
    if (kind === "file") {
      const file = await keptFile(id);
      if (!file) throw new Refusal("This browser does not have the file any more. Attach it once more.");
      await sendFile({ conversationId, clientMessageId: id, file });
    } else if (kind === "note") await client.mutate("notes:write", { ...message, mentions });
    else await client.mutate("messages:send", { ...message, ...(seenMessageId && { seenMessageId }) });
    if (resolves) await client.mutate("conversations:setStatus", { conversationId, status: "resolved" });
  };

  /** Attempt delivery until the message is confirmed, rejected, given up or withdrawn. @param {string} id */
  const tryFor = async (id) => {
    for (;;) {
      const sent = held.get(id);
      if (!sent || sent.refused) return;
      try {
        await attempt(sent);
        return held.has(id) ? confirm(sent) : undefined;
      } catch (error) {
        const refused = refusalOf(error);
        const seconds = secondsToWait(error);
        const tries = (sent.tries ?? 0) + 1;
        if (!held.has(id)) return; // withdrawn during the attempt
        if (refused) return keep({ ...sent, refused });
        if (seconds === undefined && tries >= MOST_TRIES) {
          const message = `There was no answer, ${MOST_TRIES} times.`;
          return keep({ ...sent, tries: 0, refused: { code: UNREACHABLE, message } });
        }
        if (seconds === undefined) keep({ ...sent, tries });
        await new Promise((resolve) => setTimeout(resolve, (seconds ?? PAUSE) * 1000));
      }
    }
  };

  /** @param {Sent} sent */
  const deliver = ({ id, kind, conversationId, after }) => {
    if (underway.has(id) || (after && held.has(after))) return;
    underway.add(id);
    const line = kind === "file" ? lines.get(conversationId) : undefined;
    const mine = (line ? line.then(() => tryFor(id)) : tryFor(id)).finally(() => underway.delete(id));
    if (kind === "file") lines.set(conversationId, mine);
  };

  /** @param {Sent} sent @param {Partial<Sent>} [changes] */
  const again = (sent, changes) => {
    const next = { ...sent, ...changes, tries: 0, refused: undefined };
    keep(next);
    deliver(next);
  };

  const outbox = {
    /** Send a text and then files; either may be missing. @param {Omit<Sent, "id" | "at">} what @param {KeptFile[]} [files] */
    send(what, files = []) {
      const text = what.body ? { ...what, id: newId(), at: nextTime() } : undefined;
      const { conversationId } = what;
      const parts = /** @type {Sent[]} */ (text ? [text] : []);
      for (const { id, name } of files)
        parts.push({ id, conversationId, kind: "file", body: name, mentions: [], at: nextTime(), after: text?.id });
      parts.forEach((part, place) => {
        keep({ ...part, resolves: what.resolves && place === parts.length - 1 });
      });
      for (const part of parts) deliver(part);
    },
    /** Deliver a message again. */
    again,
    /** Deliver the messages that got no response again. Call it when the connection is back. */
    reconnected() {
      for (const sent of [...held.values()].sort(oldestFirst)) if (sent.refused?.code === UNREACHABLE) again(sent);
    },
    /** Withdraw a message. Return the files that waited for it, for which the caller is then responsible. @param {Sent} sent */
    takeBack(sent) {
      const followers = followersOf(sent.id);
      for (const each of [...followers, sent]) drop(each);
      if (sent.kind === "file") forgetFile(sent.id);
      return followers.map(({ id, body }) => ({ id, name: body }));
    },
    /** Return whether a file waits for a text that was rejected. @param {Sent} sent */
    waitsForRefused: ({ after }) => Boolean(after && held.get(after)?.refused),
    /** Return the unconfirmed messages of a conversation, oldest first. @param {string} conversationId */
    of: (conversationId) =>
      [...held.values()].filter((sent) => sent.conversationId === conversationId).sort(oldestFirst),
    /** @param {string} conversationId @returns {Draft} */
    draft: (conversationId) => toDraft(stored(`draft.${conversationId}`)),
    /** @param {string} conversationId @param {Draft} draft */
    keepDraft(conversationId, draft) {
      const isEmpty = draft.kind === "reply" && !draft.reply.trim() && !draft.note.trim() && !draft.files.length;
      store(`draft.${conversationId}`, isEmpty ? null : draft);
    },
  };

  const before = storedKeys()
    .filter((key) => key.startsWith(`${prefix}sent.`))
    .map((key) => stored(key.slice(prefix.length)))
    .filter(Boolean)
    .sort(oldestFirst);
  for (const sent of before) held.set(sent.id, sent);
  for (const sent of before) deliver(sent);

  /** @param {string} id */
  const takeOver = (id) => {
    const sent = held.get(id);
    if (sent && !sent.refused) deliver(sent);
  };
  addEventListener("storage", ({ key, newValue }) => {
    const [, what, id] = (key?.startsWith(prefix) && /^(sent|draft)\.(.*)/.exec(key.slice(prefix.length))) || [];
    if (what === "draft") onDraft(id);
    if (what !== "sent") return;
    if (newValue) held.set(id, JSON.parse(newValue));
    else held.delete(id);
    for (const each of newValue ? [id] : followersOf(id).map((sent) => sent.id)) setTimeout(takeOver, TAKEOVER, each);
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

/** Convert a stored value. Until November 2026 a draft was one text with its kind. @param {any} value @returns {Draft} */
const toDraft = (value) => {
  if (!value) return { kind: "reply", reply: "", note: "", files: [] };
  const { kind, body = "", seenMessageId } = value;
  const { reply = kind === "note" ? "" : body, note = kind === "note" ? body : "", files = [] } = value;
  return { kind, reply, note, files, ...(seenMessageId && { seenMessageId }) };
};

/** @param {Sent} a @param {Sent} b */
const oldestFirst = (a, b) => a.at - b.at;

let latest = 0;

/** Return a unique, increasing time, so that messages keep the order in which they were sent. */
const nextTime = () => {
  latest = Math.max(Date.now(), latest + 1);
  return latest;
};

export const newId = () =>
  Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("-");
