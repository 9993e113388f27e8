import { isSignedOut, isTransient } from "./api.js";

/**
 * A queue of messages to send. Each message is stored before it is sent, and removed when the server has accepted it.
 *
 * 1. New entries are added at the end. They are sent in order, one at a time, and by only one tab at a time.
 * 2. Without a token, the first entry with a form starts the conversation. Entries without a form wait for the token.
 * 3. When the server accepts an entry, it is removed. The server recognises its clientId, so sending it twice does no harm.
 * 4. If there is no response, a server error or 429, the entry is retried after 1, 2, 4 .. 30 s, or at the time that the server
 *    names. Messages after a message wait too, so that they stay in order. Messages after a file do not wait; the file is retried
 *    once before each of them. `wake` ends the wait, except the wait of a message after 429.
 * 5. After MAX_TRIES attempts the entry is marked as failed, so that the entries after it are sent. The visitor can retry or
 *    remove it, and `wake` retries it once. Attempts while the browser reports that it is offline do not count.
 * 6. If the server itself, and not a proxy, rejects the token with 401, the token is deleted and the entries stay.
 * 7. On any other 4xx, whatever its body, the entry is marked as failed and the next one is sent. The visitor can retry or
 *    remove it.
 *
 * @typedef {import("./api.js").Form} Form
 * @typedef {import("./api.js").Rejection} Rejection
 * @typedef {{clientId: string, body: string, at: number, ownerId?: string, form?: Form, file?: import("./api.js").Attachment,
 *   tries?: number, failed?: Rejection}} Entry ownerId: the site's own id of the person who was identified when it was written
 * @typedef {ReturnType<typeof createOutbox>} Outbox
 */

const MAX_TRIES = 10;
const MAX_WAIT = 30_000;

/**
 * @param {object} options
 * @param {import("./storage.js").Store} options.store
 * @param {(entry: Entry, token?: string) => Promise<any>} options.send rejects with a Rejection
 * @param {(work: () => Promise<boolean>) => Promise<boolean>} options.lock runs the work in one tab at a time
 * @param {(sent?: Entry) => void} options.onChange
 * @param {(token: string) => void} options.onSignedOut
 */
export function createOutbox({ store, send, lock, onChange, onSignedOut }) {
  let isRunning = false;
  let isRequested = false;
  /** The time of an entry's next attempt, by clientId. This and `blockedUntil` use the monotonic clock. */
  const retryAt = /** @type {Map<string, number>} */ (new Map());
  /** The clientIds of files that failed in this run. */
  const failedFiles = /** @type {Set<string>} */ (new Set());
  let blockedUntil = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const now = () => performance.now();

  /** @param {number} wait */
  const later = (wait) => {
    clearTimeout(timer);
    timer = setTimeout(sendNext, wait);
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

  /** Return the first message that may be sent, and the files before it. Nothing may overtake a message. */
  const candidates = () => {
    const { token, outbox } = store.read();
    const pending = outbox.filter(({ form, failed }) => !failed && (token || form));
    const first = pending.findIndex(({ file }) => !file);
    return first < 0 ? pending : pending.slice(0, first + 1);
  };

  /** Return the entry to send now. @returns {Entry | undefined} */
  const next = () => {
    const entries = candidates();
    const isMessageDue = entries.some((entry) => !entry.file && isDue(entry));
    return entries.find((entry) => !failedFiles.has(entry.clientId) && (isMessageDue || isDue(entry)));
  };

  /** Return the times of the candidates' next attempts. @returns {number[]} */
  const retries = () => candidates().flatMap(({ clientId }) => retryAt.get(clientId) ?? []);

  /**
   * Handle a failed attempt.
   * @param {Entry} entry @param {Rejection} rejection @param {string} [token] @returns {boolean} whether to send the next entry
   */
  const handleRejection = ({ clientId, file, tries = 0 }, rejection, token) => {
    const { status, retryAfter } = rejection;
    retryAt.delete(clientId);
    if (token && isSignedOut(rejection)) {
      onSignedOut(token);
      return ![undefined, token].includes(store.read().token); // another tab has a new one
    }
    if (navigator.onLine) tries++;
    if (!isTransient(rejection) || tries >= MAX_TRIES) {
      change(clientId, { tries: 0, failed: rejection });
      return true;
    }
    const isTooMany = status === 429;
    const pause = navigator.onLine ? Math.min(MAX_WAIT, 500 * 2 ** tries) : MAX_WAIT;
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
      // The entry may have been removed during the request: the thread has shown it, or the visitor's data was cleared. In that
      // case the token must not be stored again.
      if (isWanted)
        store.write({
          ...(fresh && store.read().token === before && { token: fresh }),
          ...(visitor && { visitor, identity: entry.form?.identity && detailsOf(entry.form.identity) }),
          [entry.clientId]: undefined,
        });
      onChange(isWanted);
      return true;
    } catch (error) {
      const sendsNext = handleRejection(entry, /** @type {Rejection} */ (error), before);
      onChange();
      return sendsNext;
    }
  };

  const run = async () => {
    isRunning = true;
    try {
      do {
        isRequested = false;
        failedFiles.clear();
        while (await lock(attempt));
      } while (isRequested);
      const times = retries();
      if (times.length) later(Math.min(...times) - now());
    } catch {
      later(1000); // the lock was lost; if the user has left the page, `wake` runs when they return
    }
    isRunning = false;
  };

  const sendNext = () => {
    clearTimeout(timer);
    if (!store.read().outbox.length) return; // do not take the lock without need: a page that is being left would keep it
    if (now() < blockedUntil) later(blockedUntil - now());
    else if (isRunning) isRequested = true;
    else run();
  };

  return {
    /** @param {Entry} entry */
    add(entry) {
      const { token, outbox } = store.read();
      // Without a token the form was submitted again. It contains the text of all entries that could not be sent.
      const isResubmitted = entry.form && !token && !outbox.some(({ form, failed }) => form && !failed);
      const at = Math.max(entry.at, (outbox.at(-1)?.at ?? 0) + 1); // keeps the order even if the clock is set back
      store.write({ [entry.clientId]: { ...entry, at } }, true);
      if (isResubmitted) drop(outbox.filter(({ file }) => !file).map(({ clientId }) => clientId));
      sendNext();
    },
    /** @param {string} clientId */
    retry(clientId) {
      change(clientId, { failed: undefined });
      sendNext();
    },
    drop,
    /** Remove the entries that the thread shows. @param {Set<string | null>} shown their clientIds */
    removeDelivered: (shown) =>
      drop(store.read().outbox.flatMap(({ clientId }) => (shown.has(clientId) ? clientId : []))),
    /** Retry all waiting entries now, and transiently failed ones once. Call it when the network or the page is back. */
    wake() {
      retryAt.clear();
      for (const { clientId, form, failed } of store.read().outbox)
        if (failed && !form && isTransient(failed)) change(clientId, { failed: undefined, tries: MAX_TRIES - 1 });
      sendNext();
    },
    /** @returns {{seconds: number, isStuck: boolean}} seconds until the rate limit ends; whether an entry waits for a retry */
    problem: () => ({ seconds: Math.ceil((blockedUntil - now()) / 1000), isStuck: retries().length > 0 }),
  };
}

/** Return an identity without its hash. @param {import("./api.js").Identity} identity */
export const detailsOf = ({ id, name, email, phone }) => ({ id, name, email, phone });
