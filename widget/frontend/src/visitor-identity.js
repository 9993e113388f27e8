import { isTransient } from "./api.js";
import { detailsOf } from "./outbox.js";

/**
 * Who the page says the visitor is, with the proof of it.
 *
 * 1. `identify` claims the thread of this browser and what is not sent yet for the person, unless it belongs to another: then
 *    `onOther` leaves that one. What another has not sent yet waits in the store until they are identified again.
 * 2. The server is told once, and again when details have changed. It answers with the person's own thread, to which it has
 *    added what was written anonymously before.
 * 3. Identifying and sending use the same lock, so each waits for the other.
 * 4. No answer: again after PAUSE. Refused: the person counts as unknown, and the claim is given up.
 * 5. Another tab may have identified somebody else since. That thread is not this page's (`isOther`).
 *
 * @typedef {import("./api.js").Identity} Identity
 */

const PAUSE = 5000;

/**
 * @param {object} outside
 * @param {import("./storage.js").Store} outside.store
 * @param {import("./api.js").Api} outside.api
 * @param {(work: () => Promise<boolean>) => Promise<boolean>} outside.lock
 * @param {() => void} outside.onChange
 * @param {() => void} outside.onOther somebody else sits here now
 */
export function createIdentity({ store, api, lock, onChange, onOther }) {
  /** @type {Identity | undefined} */
  let proof;

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
    if (store.read().token !== before) return true; // by the link of an e-mail (return.js), meanwhile
    // none: the token of this browser belongs to somebody else, or has ended
    if (mine === proof) store.write({ token: token ?? undefined, visitor, identity: token && detailsOf(mine) });
    return false;
  };

  const attach = async () => {
    const mine = proof;
    if (!mine || isTold()) return;
    try {
      while (await lock(tell));
    } catch (error) {
      if (mine !== proof) return; // somebody else is identified, or nobody
      if (isTransient(/** @type {import("./api.js").Refusal} */ (error))) {
        setTimeout(attach, PAUSE); // nothing has changed: what waits to be sent keeps its pauses
        return;
      }
      forget();
      console.warn("PraxTalk:", error);
    }
    onChange();
  };

  /** What is not sent yet changes hands. @param {string} [from] none: nobody's @param {string} [to] */
  const claim = (from, to) => {
    for (const entry of store.read().outbox)
      if (entry.by === from) store.write({ [entry.clientId]: { ...entry, by: to } });
  };

  /** The proof is refused, or given up. */
  const forget = () => {
    if (proof) claim(proof.id);
    if (store.read().identity?.isClaimed) store.write({ identity: undefined });
    proof = undefined;
  };

  return {
    /** What goes with the form. */
    proof: () => proof,
    forget,
    attach,
    /** Whose page it is: the id, or none of a stranger. */
    owner: () => (proof ?? store.read().identity)?.id,
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
      else {
        claim(undefined, known.id);
        if (token && !identity) store.write({ identity: { id: known.id, isClaimed: true } });
      }
      proof = known;
      onChange();
      attach();
    },
  };
}
