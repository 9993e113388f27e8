import { isSignedOut, isTransient } from "./api.js";
import { detailsOf } from "./outbox.js";

/**
 * Who the page says the visitor is, with the proof of it, and who comes by the link of an e-mail.
 *
 * 1. `identify` claims the thread of this browser for the person, unless it belongs to another: then that one is forgotten
 *    first, by `onOther`.
 * 2. The server is told once, and again when details have changed. It answers with the person's own thread, to which it has
 *    added what was written anonymously before.
 * 3. Told while a message is on its way, it waits for it, and the other way round: both hold the same lock.
 * 4. No answer: again after 1, 2, 4 .. 30 s. Refused: the person counts as unknown.
 * 5. Another tab may have identified somebody else since. That thread is not this page's (`isOther`).
 *
 * @typedef {import("./api.js").Identity} Identity
 */

const LONGEST_WAIT = 30_000;

/**
 * @param {object} outside
 * @param {import("./storage.js").Store} outside.store
 * @param {import("./api.js").Api} outside.api
 * @param {(work: () => Promise<boolean>) => Promise<boolean>} outside.lock
 * @param {() => void} outside.onChange
 * @param {() => void} outside.onOther somebody else sits here now
 */
export function createPerson({ store, api, lock, onChange, onOther }) {
  /** @type {Identity | undefined} */
  let proof;
  let failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const isTold = () => {
    const { token, identity } = store.read();
    return token && proof && JSON.stringify(identity) === JSON.stringify(detailsOf(proof));
  };

  /** Inside the lock. @returns {Promise<boolean>} whether to tell once more */
  const tell = async () => {
    const mine = proof;
    if (!mine || isTold()) return false;
    const { token: before } = store.read();
    const { token, visitor } = await api.identify(mine, before);
    if (store.read().token !== before) return true; // by the link of an e-mail, meanwhile
    // none: the thread of this browser was another person's, or has ended
    if (mine === proof) store.write({ token: token ?? undefined, visitor, identity: token && detailsOf(mine) });
    return false;
  };

  const attach = async () => {
    clearTimeout(timer);
    const mine = proof;
    if (!mine || isTold()) return;
    try {
      while (await lock(tell));
      failures = 0;
    } catch (error) {
      const refusal = /** @type {import("./api.js").Refusal} */ (error);
      if (mine !== proof) return; // somebody else is identified, or nobody
      if (isTransient(refusal)) timer = setTimeout(attach, Math.min(LONGEST_WAIT, 1000 * 2 ** failures++));
      else {
        proof = undefined;
        console.warn("PraxTalk:", refusal);
      }
    }
    onChange();
  };

  return {
    /** What goes with the form. */
    proof: () => proof,
    forget() {
      proof = undefined;
    },
    attach,
    /** Whether the thread of this browser belongs to somebody else than the page says. */
    isOther() {
      const { identity } = store.read();
      return proof && identity && identity.id !== proof.id;
    },
    /** @param {Identity} given */
    identify(given) {
      if (!given?.id) return console.warn("PraxTalk:", "identify", given);
      const known = { ...given, id: String(given.id) };
      const { token, identity } = store.read();
      if ([proof, identity].some((one) => one && one.id !== known.id)) onOther();
      else if (token && !identity) store.write({ identity: { id: known.id, isClaimed: true } });
      proof = known;
      onChange();
      attach();
    },
    /** The code is good on any device. @param {string} code @returns {Promise<boolean>} whether it was */
    async comeBack(code) {
      try {
        const { token, visitor } = await api.comeBack(code);
        store.write({ token, visitor, identity: undefined }, true);
        attach();
        history.replaceState(history.state, "", location.pathname + location.search); // a sandboxed frame may not
      } catch (error) {
        return !isSignedOut(/** @type {import("./api.js").Refusal} */ (error));
      }
      return true;
    },
  };
}
