/**
 * What the browser remembers of a visitor, in one key of localStorage that all tabs share. Nothing is written before
 * the visitor sends something; where storage is blocked or full, it is remembered as long as the page lives.
 *
 * @typedef {import("./outbox.js").Entry} Entry
 * @typedef {{token?: string, visitor?: {name: string, email: string | null}, outbox: Entry[], open?: boolean,
 *   identity?: string, seenId?: string, rungId?: string}} Memory
 *   identity: whose token it is, if the page told; seenId, rungId: the newest message that a tab has shown, has rung for
 * @typedef {ReturnType<typeof openStore>} Store
 */

/** @param {string} widgetId @param {() => void} onChange another tab has changed it */
export function openStore(widgetId, onChange) {
  const key = `praxtalk:${widgetId}`;
  /** @type {Memory} */
  let memory = { outbox: [] };
  let isKept = false;
  let isBroken = false;

  /** @returns {Memory} */
  const read = () => {
    if (isBroken) return memory;
    try {
      const text = localStorage.getItem(key);
      if (text || isKept) {
        isKept = Boolean(text);
        const found = JSON.parse(text || "{}");
        memory = { ...found, outbox: Array.isArray(found.outbox) ? found.outbox : [] };
      }
    } catch {
      isBroken = true;
    }
    return memory;
  };

  addEventListener("storage", onChange);

  return {
    read,
    /** @param {Partial<Memory>} patch @param {boolean} [isSent] the visitor has sent something: from now on it is kept */
    write(patch, isSent) {
      memory = { ...read(), ...patch };
      if (isBroken || !(isKept || isSent)) return;
      try {
        localStorage.setItem(key, JSON.stringify(memory));
        isKept = true;
      } catch {
        isBroken = true;
      }
    },
    forget() {
      memory = { outbox: [] };
      isKept = false;
      try {
        localStorage.removeItem(key);
      } catch {
        // blocked: there was nothing
      }
    },
  };
}
