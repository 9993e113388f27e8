/**
 * Messages on their way. Each is stored before it is sent, and leaves the store when the server has it.
 *
 * 1. An entry is added at the end. Entries are sent in order, one after another, by one tab at a time.
 * 2. Without a token the first entry with a form starts the conversation; entries without wait until there is a token.
 * 3. Accepted: it leaves. The server knows it by its clientId, so that sending it twice does no harm.
 * 4. No answer, or a fault of the server: again after 1, 2, 4 .. 30 s; `wake` cuts that short.
 * 5. Too many (429): again when the server said; `wake` does not help.
 * 6. The token is refused (401): it is forgotten, the entries stay, and the visitor is asked for the form again.
 * 7. Any other refusal: the entry is marked, and the next one sent. The visitor may try it again. So is a file that is too
 *    much: what is written after it does not wait.
 *
 * @typedef {import("./api.js").Form} Form
 * @typedef {import("./api.js").Refusal} Refusal
 * @typedef {{clientId: string, body: string, at: number, form?: Form,
 *   file?: import("./api.js").Attachment, failed?: Refusal}} Entry
 * @typedef {ReturnType<typeof createOutbox>} Outbox
 */

const LONGEST_WAIT = 30_000;

/**
 * @param {object} outside
 * @param {import("./storage.js").Store} outside.store
 * @param {(entry: Entry, token?: string) => Promise<any>} outside.send rejects with a Refusal
 * @param {(work: () => Promise<boolean>) => Promise<boolean>} outside.lock runs it while no other tab does
 * @param {(sent?: Entry) => void} outside.onChange
 * @param {() => void} outside.onSignedOut
 */
export function createOutbox({ store, send, lock, onChange, onSignedOut }) {
  let isRunning = false;
  let isAsked = false;
  let failures = 0;
  let blockedUntil = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  /** @param {number} wait */
  const later = (wait) => {
    clearTimeout(timer);
    timer = setTimeout(pump, wait);
  };

  /** @param {Entry[]} entries */
  const drop = (entries) => store.drop(entries.map(({ clientId }) => clientId));

  /** @param {string} clientId */
  const find = (clientId) => store.read().outbox.find((one) => one.clientId === clientId);

  /** @param {string} clientId @param {Refusal} [failed] */
  const mark = (clientId, failed) => {
    const entry = find(clientId);
    if (entry) store.write({ [clientId]: { ...entry, failed } });
  };

  /** @param {Entry} entry @param {Refusal} refusal @param {string} [token] @returns {boolean} whether to go on */
  const refuse = (entry, refusal, token) => {
    const { status } = refusal;
    if (status === 401 && token) {
      if (store.read().token !== token) return true; // another tab has a new one
      store.write({ token: undefined });
      onSignedOut();
      return false;
    }
    if (status === 429 && !entry.file) {
      blockedUntil = Date.now() + (refusal.retryAfter || 30) * 1000;
      later(0);
    } else if (status < 400 || status >= 500 || status === 408) {
      later(Math.min(LONGEST_WAIT, 1000 * 2 ** failures++));
    } else {
      mark(entry.clientId, refusal);
      return true;
    }
    return false;
  };

  /** @returns {Promise<boolean>} whether there may be more to do */
  const attempt = async () => {
    const { token, outbox } = store.read();
    const entry = outbox.find(({ form, failed }) => !failed && (token || form));
    if (!entry) return false;
    try {
      const { token: fresh, visitor } = await send(entry, token);
      failures = 0;
      const isWanted = find(entry.clientId);
      // gone meanwhile: the thread has shown it, or the visitor has been forgotten, and the token must not come back
      if (isWanted)
        store.write({
          ...(fresh && { token: fresh }),
          ...(visitor && { visitor, identity: entry.form?.identity?.id }),
          [entry.clientId]: undefined,
        });
      onChange(isWanted);
      return true;
    } catch (refusal) {
      const goesOn = refuse(entry, /** @type {Refusal} */ (refusal), token);
      onChange();
      return goesOn;
    }
  };

  const run = async () => {
    isRunning = true;
    try {
      do isAsked = false;
      while ((await lock(attempt)) || isAsked);
    } catch {
      later(1000); // the lock was taken away; a page that is left comes back by `wake`
    }
    isRunning = false;
  };

  const pump = () => {
    clearTimeout(timer);
    if (!store.read().outbox.length) return; // no lock for nothing: it would stay with a page that is just being left
    if (Date.now() < blockedUntil) later(blockedUntil - Date.now());
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
      if (isAnew) drop(outbox.filter(({ file }) => !file));
      pump();
    },
    /** @param {string} clientId */
    retry(clientId) {
      mark(clientId);
      pump();
    },
    /** The thread shows these. @param {Set<string | null>} clientIds */
    settle(clientIds) {
      drop(store.read().outbox.filter((one) => clientIds.has(one.clientId)));
    },
    wake: pump,
    /** @returns {{seconds: number, isStuck: boolean}} how long the server wants to be left alone; is it out of reach? */
    trouble: () => ({ seconds: Math.ceil((blockedUntil - Date.now()) / 1000), isStuck: failures > 0 }),
  };
}
