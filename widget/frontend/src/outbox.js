import { isSignedOut, isTransient } from "./api.js";

/**
 * Messages on their way. Each is stored before it is sent, and leaves the store when the server has it.
 *
 * 1. An entry is added at the end. Entries are sent in order, one after another, by one tab at a time.
 * 2. Without a token the first entry with a form starts the conversation; entries without a form wait for the token.
 * 3. Accepted: it leaves. The server knows it by its clientId, so sending it twice does no harm.
 * 4. No answer, a fault of the server, or too many requests: it is sent again after 1, 2, 4 .. 30 s, or when the server said.
 *    Messages behind a message wait too, so that they stay in order. Messages behind a file do not: the file is tried once
 *    more before each of them. `wake` cuts the wait short, but not that of a message after 429.
 * 5. After TRIES it is set aside, so that what comes behind is sent. The visitor may try it again or remove it; `wake` tries
 *    it once more. Tries while the browser knows that it is offline do not count.
 * 6. The token is refused (401, by the server itself): it is forgotten, the entries stay.
 * 7. Any other 4xx, whatever its body: the entry is refused, and the next one sent. The visitor may try it again or remove it.
 *
 * @typedef {import("./api.js").Form} Form
 * @typedef {import("./api.js").Refusal} Refusal
 * @typedef {{clientId: string, body: string, at: number, by?: string, form?: Form, file?: import("./api.js").Attachment,
 *   tries?: number, failed?: Refusal}} Entry by: the id of the person who was identified, as the site has it
 * @typedef {ReturnType<typeof createOutbox>} Outbox
 */

const TRIES = 10;
const LONGEST_WAIT = 30_000;

/**
 * @param {object} outside
 * @param {import("./storage.js").Store} outside.store
 * @param {(entry: Entry, token?: string) => Promise<any>} outside.send rejects with a Refusal
 * @param {(work: () => Promise<boolean>) => Promise<boolean>} outside.lock runs it while no other tab does
 * @param {(sent?: Entry) => void} outside.onChange
 * @param {(token: string) => void} outside.onSignedOut
 */
export function createOutbox({ store, send, lock, onChange, onSignedOut }) {
  let isRunning = false;
  let isAsked = false;
  /** When an entry is sent again, by its clientId. These times, and the next, are of the clock that never jumps. */
  const retryAt = /** @type {Map<string, number>} */ (new Map());
  /** Files that have failed in this run. */
  const failedFiles = /** @type {Set<string>} */ (new Set());
  let blockedUntil = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const now = () => performance.now();

  /** @param {number} wait */
  const later = (wait) => {
    clearTimeout(timer);
    timer = setTimeout(pump, wait);
  };

  const { drop } = store;

  /** @param {string} clientId */
  const find = (clientId) => store.read().outbox.find((one) => one.clientId === clientId);

  /** @param {string} clientId @param {Partial<Entry>} changes */
  const change = (clientId, changes) => {
    const entry = find(clientId);
    if (entry) store.write({ [clientId]: { ...entry, ...changes } });
  };

  /** @param {Entry} entry */
  const isDue = ({ clientId }) => (retryAt.get(clientId) ?? 0) <= now();

  /** The first message that may be sent, and the files before it: what is behind a message stays behind it. */
  const candidates = () => {
    const { token, outbox } = store.read();
    const pending = outbox.filter(({ form, failed }) => !failed && (token || form));
    const first = pending.findIndex(({ file }) => !file);
    return first < 0 ? pending : pending.slice(0, first + 1);
  };

  /** What is to be sent now. @returns {Entry | undefined} */
  const next = () => {
    const entries = candidates();
    const isMessageDue = entries.some((entry) => !entry.file && isDue(entry));
    return entries.find((entry) => !failedFiles.has(entry.clientId) && (isMessageDue || isDue(entry)));
  };

  /** When candidates are sent again. @returns {number[]} */
  const retries = () => candidates().flatMap(({ clientId }) => retryAt.get(clientId) ?? []);

  /** @param {Entry} entry @param {Refusal} refusal @param {string} [token] @returns {boolean} whether to go on */
  const refuse = ({ clientId, file, tries = 0 }, refusal, token) => {
    const { status, retryAfter } = refusal;
    retryAt.delete(clientId);
    if (token && isSignedOut(refusal)) {
      onSignedOut(token);
      return ![undefined, token].includes(store.read().token); // another tab has a new one
    }
    if (navigator.onLine) tries++;
    if (!isTransient(refusal) || tries >= TRIES) {
      change(clientId, { tries: 0, failed: refusal });
      return true;
    }
    const isTooMany = status === 429;
    const pause = navigator.onLine ? Math.min(LONGEST_WAIT, 500 * 2 ** tries) : LONGEST_WAIT;
    const wait = isTooMany ? (retryAfter || 30) * 1000 : pause;
    change(clientId, { tries });
    retryAt.set(clientId, now() + wait);
    if (file) failedFiles.add(clientId);
    else if (isTooMany) blockedUntil = now() + wait;
    return Boolean(file);
  };

  /** @returns {Promise<boolean>} whether there may be more to do */
  const attempt = async () => {
    const before = store.read().token;
    const entry = next();
    if (!entry) return false;
    try {
      const { token: fresh, visitor } = await send(entry, before);
      const isWanted = find(entry.clientId);
      retryAt.delete(entry.clientId);
      // gone meanwhile: the thread has shown it, or the visitor has been forgotten, and the token must not come back
      if (isWanted)
        store.write({
          ...(fresh && store.read().token === before && { token: fresh }),
          ...(visitor && { visitor, identity: entry.form?.identity && detailsOf(entry.form.identity) }),
          [entry.clientId]: undefined,
        });
      onChange(isWanted);
      return true;
    } catch (error) {
      const goesOn = refuse(entry, /** @type {Refusal} */ (error), before);
      onChange();
      return goesOn;
    }
  };

  const run = async () => {
    isRunning = true;
    try {
      do {
        isAsked = false;
        failedFiles.clear();
        while (await lock(attempt));
      } while (isAsked);
      const times = retries();
      if (times.length) later(Math.min(...times) - now());
    } catch {
      later(1000); // the lock was taken away; a page that is left comes back by `wake`
    }
    isRunning = false;
  };

  const pump = () => {
    clearTimeout(timer);
    if (!store.read().outbox.length) return; // no lock for nothing: it would stay with a page that is just being left
    if (now() < blockedUntil) later(blockedUntil - now());
    else if (isRunning) isAsked = true;
    else run();
  };

  return {
    /** @param {Entry} entry */
    add(entry) {
      const { token, outbox } = store.read();
      // without a token the form begins anew: it carries the text of whatever could not be sent
      const isAnew = entry.form && !token && !outbox.some(({ form, failed }) => form && !failed);
      const at = Math.max(entry.at, (outbox.at(-1)?.at ?? 0) + 1); // the order, whatever the clock does
      store.write({ [entry.clientId]: { ...entry, at } }, true);
      if (isAnew) drop(outbox.filter(({ file }) => !file).map(({ clientId }) => clientId));
      pump();
    },
    /** @param {string} clientId */
    retry(clientId) {
      change(clientId, { failed: undefined });
      pump();
    },
    drop,
    /** The thread shows these. @param {Set<string | null>} shown */
    settle: (shown) => drop(store.read().outbox.flatMap(({ clientId }) => (shown.has(clientId) ? clientId : []))),
    /** The network or the page is back: nothing waits any longer, and what was set aside is tried once more. */
    wake() {
      retryAt.clear();
      for (const { clientId, form, failed } of store.read().outbox)
        if (failed && !form && isTransient(failed)) change(clientId, { failed: undefined, tries: TRIES - 1 });
      pump();
    },
    /** @returns {{seconds: number, isStuck: boolean}} how long the server wants to be left alone; is something waiting? */
    trouble: () => ({ seconds: Math.ceil((blockedUntil - now()) / 1000), isStuck: retries().length > 0 }),
  };
}

/** What an identity tells, without its proof. @param {import("./api.js").Identity} identity */
export const detailsOf = ({ id, name, email, phone }) => ({ id, name, email, phone });
