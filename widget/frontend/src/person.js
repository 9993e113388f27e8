/**
 * Who the page says the visitor is, with the proof of it, and who comes by the link of an e-mail.
 *
 * @typedef {import("./api.js").Identity} Identity
 */

/**
 * @param {object} outside
 * @param {import("./storage.js").Store} outside.store
 * @param {import("./api.js").Api} outside.api
 * @param {() => void} outside.onChange
 * @param {() => void} outside.onOther somebody else sits here now
 */
export function createPerson({ store, api, onChange, onOther }) {
  /** @type {Identity | undefined} */
  let proof;

  return {
    /** What goes with the form. */
    proof: () => proof,
    forget() {
      proof = undefined;
    },
    /** @param {Identity} given */
    async identify(given) {
      if (!given?.id) return console.warn("PraxTalk: identify", given);
      const before = store.read();
      const known = { ...given, id: String(given.id) };
      if (before.token && before.identity === known.id) return;
      if (before.identity && before.identity !== known.id) onOther();
      proof = known;
      try {
        const { token, visitor } = await api.identify(known);
        if (proof === known && token) store.write({ token, visitor, identity: known.id });
      } catch (error) {
        const { status } = /** @type {import("./api.js").Refusal} */ (error);
        if (proof === known && status) proof = undefined;
        console.warn("PraxTalk:", error);
      }
      onChange();
    },
    /** The code is good on any device. @param {string} code @returns {Promise<boolean>} whether it was */
    async comeBack(code) {
      try {
        const { token, visitor } = await api.comeBack(code);
        store.write({ token, visitor, identity: undefined }, true);
        history.replaceState(history.state, "", location.pathname + location.search);
        return true;
      } catch {
        return false;
      }
    },
  };
}
