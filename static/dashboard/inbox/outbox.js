/**
 * What the operator has sent and the server has not confirmed, and what they have begun to write: kept in the browser's store,
 * so that neither a reload nor a dead battery loses a word.
 *
 * 1. Sent: stored under its own key with a clientMessageId, then said to the server, as long as it takes. Files go by a request
 *    of their own; the rest goes over the live connection, which says it again by itself.
 * 2. Confirmed: the key is removed. Refused: it stays, with the reason, until it is sent again or taken back.
 * 3. A page that is opened says again what is stored, in its order. The server knows each by its clientMessageId: nothing is sent twice.
 * 4. Other tabs show the same. One that sees it unconfirmed for long says it, too: the tab that began may be closed.
 *
 * @typedef {{id: string, conversationId: string, kind: "reply" | "note" | "file", body: string, mentions: string[], at: number,
 *   seenMessageId?: string, resolves?: boolean, refused?: {code: string, message: string}}} Sent body: of a file, its name
 * @typedef {{body: string, kind: "reply" | "note", seenMessageId?: string}} Draft
 * @typedef {ReturnType<typeof import("../../live/client.js").connect>} Client
 */

import { reasonOf } from "./dom.js";
import { forgetFile, keepFile, keptFile } from "./files.js";
import { sendFile } from "./server.js";

const PAUSE = 5000;
const TAKEOVER = 15_000;

/**
 * @param {string} operatorId nobody sends in another's name, on whichever machine
 * @param {Client} client
 * @param {() => void} onChange of what is on its way
 * @param {(conversationId: string) => void} onDraft another tab has written
 */
export function outboxOf(operatorId, client, onChange, onDraft) {
  const prefix = `praxtalk.inbox.${operatorId}.`;
  const held = /** @type {Map<string, Sent>} */ (new Map());
  let files = Promise.resolve(); // one after the other, in their order

  /** A store that is full or forbidden: it is still in memory. @param {string} key @param {object | null} value */
  const store = (key, value) => {
    try {
      if (value) localStorage.setItem(prefix + key, JSON.stringify(value));
      else localStorage.removeItem(prefix + key);
    } catch {
      // nothing to be done about it
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
  const forget = (sent) => {
    held.delete(sent.id);
    store(`sent.${sent.id}`, null);
    if (sent.kind === "file") forgetFile(sent.id);
    onChange();
  };

  /** @param {Sent} sent */
  const sayFile = async (sent) => {
    const { id, conversationId } = sent;
    const file = await keptFile(id);
    try {
      const reason = file
        ? await sendFile({ conversationId, clientMessageId: id, file })
        : "it is not here any more. Attach it once more.";
      if (reason) keep({ ...sent, refused: { code: "", message: reason } });
      else forget(sent);
    } catch {
      setTimeout(() => held.has(id) && sayFile(sent), PAUSE);
    }
  };

  /** @param {Sent} sent */
  const say = async (sent) => {
    if (sent.kind === "file") {
      files = files.then(() => sayFile(sent));
      return;
    }
    const { id, conversationId, body, kind, mentions, seenMessageId, resolves } = sent;
    const message = { conversationId, body, clientMessageId: id };
    try {
      if (kind === "note") await client.mutate("notes:write", { ...message, mentions });
      else await client.mutate("messages:send", { ...message, ...(seenMessageId && { seenMessageId }) });
      if (resolves) await client.mutate("conversations:setStatus", { conversationId, status: "resolved" });
      forget(sent);
    } catch (error) {
      const code = /** @type {any} */ (error).data?.code ?? "";
      keep({ ...sent, refused: { code, message: reasonOf(error) } });
    }
  };

  const outbox = {
    /** @param {Omit<Sent, "id" | "at">} what */
    send(what) {
      const sent = { ...what, ...mark() };
      keep(sent);
      say(sent);
    },
    /** @param {string} conversationId @param {File} file */
    async sendFile(conversationId, file) {
      const sent = /** @type {Sent} */ ({ conversationId, kind: "file", body: file.name, mentions: [], ...mark() });
      keep(sent);
      await keepFile(sent.id, file);
      say(sent);
    },
    /** Once more. @param {Sent} sent @param {Partial<Sent>} [changes] */
    again(sent, changes) {
      const next = { ...sent, ...changes, refused: undefined };
      keep(next);
      say(next);
    },
    /** @param {Sent} sent */
    takeBack: forget,
    /** What is not confirmed, oldest first. @param {string} conversationId */
    of: (conversationId) =>
      [...held.values()].filter((sent) => sent.conversationId === conversationId).sort((a, b) => a.at - b.at),
    /** @param {string} conversationId @returns {Draft} */
    draft: (conversationId) => stored(`draft.${conversationId}`) ?? { body: "", kind: "reply" },
    /** @param {string} conversationId @param {Draft} draft */
    keepDraft: (conversationId, draft) => store(`draft.${conversationId}`, draft.body.trim() ? draft : null),
  };

  const before = Object.keys(localStorage)
    .filter((key) => key.startsWith(`${prefix}sent.`))
    .map((key) => stored(key.slice(prefix.length)))
    .filter(Boolean);
  for (const sent of before.sort((a, b) => a.at - b.at)) {
    held.set(sent.id, sent);
    if (!sent.refused) say(sent);
  }
  /** @param {string} id */
  const takeOver = (id) => {
    const sent = held.get(id);
    if (sent && !sent.refused) say(sent);
  };
  addEventListener("storage", ({ key, newValue }) => {
    const [, what, id] = (key?.startsWith(prefix) && /^(sent|draft)\.(.*)/.exec(key.slice(prefix.length))) || [];
    if (what === "draft") onDraft(id);
    if (what !== "sent") return;
    if (newValue) held.set(id, JSON.parse(newValue));
    else held.delete(id);
    if (newValue) setTimeout(takeOver, TAKEOVER, id);
    onChange();
  });
  return outbox;
}

let latest = 0;

/** A name, and a time that none before has: what was sent first stands first, and is said first. */
const mark = () => {
  latest = Math.max(Date.now(), latest + 1);
  return { id: newId(), at: latest };
};

const newId = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("-");
