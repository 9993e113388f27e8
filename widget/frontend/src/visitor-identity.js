import { isTransient } from "./api.js";
import { detailsOf } from "./outbox.js";

/**
 * The visitor's identity as the page reports it, with its hash as proof.
 *
 * 1. `identify` claims this browser's thread and unsent entries for the person. If they belong to another person, it calls
 *    `onOther` instead, which clears that person's thread from the browser. The other person's unsent entries stay in the store
 *    until that person is identified again.
 * 2. The identity is sent to the server once, and again when its details have changed. The server returns a token for the
 *    person's own thread, to which it has added what was written anonymously before.
 * 3. Identifying and sending use the same lock, so neither runs during the other.
 * 4. If the server does not respond, the request is retried after PAUSE. If the server rejects the identity, the visitor counts
 *    as anonymous and the claim is withdrawn.
 * 5. Another tab may have identified a different person since. This page must not show that person's thread (`isOther`).
 *
 * @typedef {import("./api.js").Identity} Identity
 */

const PAUSE = 5000;

/**
 * @param {object} options
 * @param {import("./storage.js").Store} options.store
 * @param {import("./api.js").Api} options.api
 * @param {(work: () => Promise<boolean>) => Promise<boolean>} options.lock
 * @param {() => void} options.onChange
 * @param {() => void} options.onOther called when a different person is identified
 */
export function createIdentity({ store, api, lock, onChange, onOther }) {
  /** @type {Identity | undefined} */
  let proof;

  const isSent = () => {
    const { token, identity } = store.read();
    return token && proof && JSON.stringify(identity) === JSON.stringify(detailsOf(proof));
  };

  /** Send the identity to the server. Call it inside the lock. @returns {Promise<boolean>} whether to send it once more */
  const sendIdentity = async () => {
    const usedProof = proof;
    if (!usedProof || isSent()) return false;
    const { token: before } = store.read();
    const { token, visitor } = await api.identify(usedProof, before);
    if (store.read().token !== before) return true; // a link in an e-mail (magic-link.js) has replaced it during the request
    // no token: this browser's token belongs to somebody else, or is invalid
    if (usedProof === proof)
      store.write({ token: token ?? undefined, visitor, identity: token && detailsOf(usedProof) });
    return false;
  };

  const attach = async () => {
    const usedProof = proof;
    if (!usedProof || isSent()) return;
    try {
      while (await lock(sendIdentity));
    } catch (error) {
      if (usedProof !== proof) return; // a different identity has been set, or none
      if (isTransient(/** @type {import("./api.js").Rejection} */ (error))) {
        setTimeout(attach, PAUSE); // no onChange: it would wake the outbox, and entries would lose their retry delays
        return;
      }
      clear();
      console.warn("PraxTalk:", error);
    }
    onChange();
  };

  /** Reassign unsent entries. @param {string} [from] none for entries of an anonymous visitor @param {string} [to] */
  const claim = (from, to) => {
    for (const entry of store.read().outbox)
      if (entry.ownerId === from) store.write({ [entry.clientId]: { ...entry, ownerId: to } });
  };

  /** Drop the identity and withdraw its claims. Its unsent entries become anonymous. */
  const clear = () => {
    if (proof) claim(proof.id);
    if (store.read().identity?.isClaimed) store.write({ identity: undefined });
    proof = undefined;
  };

  return {
    /** Return the identity that is sent with the form. */
    proof: () => proof,
    clear,
    attach,
    /** Return the id of the person that the page belongs to; none if they are anonymous. */
    owner: () => (proof ?? store.read().identity)?.id,
    /** Return whether this browser's thread belongs to a different person than the page has identified. */
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
