/**
 * What the browser remembers of a visitor, in localStorage, which all tabs share. Nothing is written before the visitor
 * sends something. Where storage is denied or full, from the beginning or from some moment on, it is remembered as long as the
 * page lives, and `isDenied` says so.
 *
 * Each value has a key of its own, and so has each message on its way: tabs learn of each other's writes a moment later,
 * and one that wrote back all that it had read would undo what another has just added.
 *
 * @typedef {import("./outbox.js").Entry} Entry
 * @typedef {{token?: string, visitor?: {name: string, email: string | null}, outbox: Entry[], open?: boolean,
 *   identity?: Owner, seenId?: string, rungId?: string}} Memory
 *   outbox: oldest first; identity: whose token it is, if the page told, with the details that the server knows; seenId,
 *   rungId: the newest message that a tab has shown, has rung for
 * @typedef {{id: string, name?: string, email?: string, phone?: string, isClaimed?: boolean}} Owner
 *   isClaimed: the server does not know yet
 * @typedef {ReturnType<typeof createStore>} Store
 */

/** @param {string} widgetId @param {() => void} onChange another tab has changed it */
export function createStore(widgetId, onChange) {
  const prefix = `praxtalk:${widgetId}:`;
  /** By name; an entry by its clientId. @type {Record<string, any>} */
  let values = {};
  let isKept = false;
  let isDenied = false;

  const load = () => {
    if (isDenied) return;
    try {
      /** @type {Record<string, any>} */
      const found = {};
      let isFound = false;
      for (const key of Object.keys(localStorage))
        if (key.startsWith(prefix)) {
          found[key.slice(prefix.length)] = JSON.parse(localStorage[key]);
          isFound = true;
        }
      if (isFound || isKept) values = found;
      isKept = isFound;
    } catch {
      isDenied = true;
    }
  };

  /** @returns {Memory} */
  const read = () => {
    load();
    const outbox = Object.values(values).filter((one) => one?.clientId);
    return { ...values, outbox: outbox.sort((one, other) => one.at - other.at) };
  };

  /**
   * @param {Partial<Omit<Memory, "outbox">> | Record<string, Entry | undefined>} patch values by name, entries by clientId
   * @param {boolean} [isSent] the visitor has sent something: from now on it is kept
   */
  const write = (patch, isSent) => {
    load();
    values = { ...values, ...patch };
    if (!isKept && !isSent) return;
    try {
      for (const [name, value] of Object.entries(isKept ? patch : values))
        if (value === undefined) localStorage.removeItem(prefix + name);
        else localStorage[prefix + name] = JSON.stringify(value);
      isKept = true;
    } catch {
      isDenied = true;
    }
  };

  /** @param {string[]} names */
  const drop = (names) => {
    for (const name of names) write({ [name]: undefined });
  };

  /** @param {boolean} [isAll] what somebody has not sent yet, too; else it waits for them */
  const forget = (isAll) => {
    load();
    drop(Object.keys(values).filter((name) => isAll || !values[name]?.by));
  };

  addEventListener("storage", onChange);
  return { read, write, drop, forget, isDenied: () => isDenied };
}
