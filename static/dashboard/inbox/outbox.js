/**
 * What the operator has sent and the server has not confirmed, and what they have begun to write. Both are kept in the browser's
 * storage, so a reload, a restart or a dead battery loses nothing.
 *
 * 1. Sent: stored under a key of its own with a clientMessageId, then delivered. Texts go over the live connection; files go by
 *    requests of their own, one after the other in each conversation. A file that was sent with a text waits for that text.
 * 2. Confirmed: the key is removed. Refused: it stays, with the reason, until the operator sends it again or takes it back.
 * 3. No answer, or not PraxTalk's answer: it is retried, at most MOST_TRIES times, and then set aside like a refusal. Texts are
 *    delivered meanwhile, and files of the same conversation afterwards. When the connection comes back, what was set aside is
 *    delivered again.
 * 4. A page that is opened delivers what is stored, in its order. The server knows each by its clientMessageId: nothing is sent twice.
 * 5. Other tabs show the same. One that sees something unconfirmed for long delivers it, too: the tab that began may be closed.
 *
 * @typedef {{id: string, name: string}} KeptFile its content is in files.js
 * @typedef {{id: string, conversationId: string, kind: "reply" | "note" | "file", body: string, mentions: string[], at: number,
 *   after?: string, seenMessageId?: string, resolves?: boolean, tries?: number,
 *   refused?: {code: string, message: string}}} Sent body: of a file, its name; after: the id of the text that it waits for
 * @typedef {{kind: "reply" | "note", reply: string, note: string, files: KeptFile[], seenMessageId?: string}} Draft kind: the one
 *   that is shown; files: of the reply
 * @typedef {ReturnType<typeof import("../../live/client.js").connect>} Client
 */

import { Refusal, refusalOf, secondsToWait } from "./answers.js";
import { forgetFile, keptFile } from "./files.js";
import { sendFile } from "./http.js";

const PAUSE = 5; // seconds
const MOST_TRIES = 10;
const TAKEOVER = 15_000;
const UNREACHABLE = "UNREACHABLE"; // the code of what was set aside

/**
 * @param {string} operatorId nobody sends in another's name, on whichever machine
 * @param {Client} client
 * @param {() => void} onChange of what is on its way
 * @param {(conversationId: string) => void} onDraft another tab has written
 */
export function createOutbox(operatorId, client, onChange, onDraft) {
  const prefix = `praxtalk.inbox.${operatorId}.`;
  const held = /** @type {Map<string, Sent>} */ (new Map());
  const underway = /** @type {Set<string>} */ (new Set()); // delivered by this tab now
  const lines = /** @type {Map<string, Promise<void>>} */ (new Map()); // the files of each conversation

  /** When storage is full or denied, what is in memory has to do. @param {string} key @param {object | null} value */
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

  /** Throws a Refusal, or any other error when it is to be tried again. @param {Sent} sent */
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

  /** Until it is confirmed, refused, set aside, or taken back. @param {string} id */
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
        if (!held.has(id)) return; // taken back meanwhile
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
    /** A text, and files behind it; either may be missing. @param {Omit<Sent, "id" | "at">} what @param {KeptFile[]} [files] */
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
    /** Once more. */
    again,
    /** The connection is back. */
    reconnected() {
      for (const sent of [...held.values()].sort(oldestFirst)) if (sent.refused?.code === UNREACHABLE) again(sent);
    },
    /** Takes it back. Returns the files that waited for it: they are in the hands of the caller. @param {Sent} sent */
    takeBack(sent) {
      const followers = followersOf(sent.id);
      for (const each of [...followers, sent]) drop(each);
      if (sent.kind === "file") forgetFile(sent.id);
      return followers.map(({ id, body }) => ({ id, name: body }));
    },
    /** Whether it waits for a text that is refused. @param {Sent} sent */
    waitsForRefused: ({ after }) => Boolean(after && held.get(after)?.refused),
    /** What is not confirmed, oldest first. @param {string} conversationId */
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

/** Of what is stored; until November 2026 that was one text with its kind. @param {any} value @returns {Draft} */
const toDraft = (value) => {
  if (!value) return { kind: "reply", reply: "", note: "", files: [] };
  const { kind, body = "", seenMessageId } = value;
  const { reply = kind === "note" ? "" : body, note = kind === "note" ? body : "", files = [] } = value;
  return { kind, reply, note, files, ...(seenMessageId && { seenMessageId }) };
};

/** @param {Sent} a @param {Sent} b */
const oldestFirst = (a, b) => a.at - b.at;

let latest = 0;

/** A time that none before has: what was sent first stands first, and is delivered first. */
const nextTime = () => {
  latest = Math.max(Date.now(), latest + 1);
  return latest;
};

export const newId = () =>
  Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("-");
