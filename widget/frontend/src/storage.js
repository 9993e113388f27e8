/**
 * The visitor's data in localStorage, which all tabs share. Nothing is written before the visitor sends something. If storage is
 * denied or full, at the start or later, the data is kept in memory as long as the page exists, and `isDenied` returns true.
 *
 * Each value and each unsent message has a key of its own. Tabs see each other's writes with a delay, so a tab that wrote back
 * everything that it had read would undo what another tab has just added.
 *
 * @typedef {import("./outbox.js").Entry} Entry
 * @typedef {{token?: string, visitor?: {name: string, email: string | null}, outbox: Entry[], open?: boolean,
 *   identity?: Owner, seenId?: string, rungId?: string}} Memory
 *   outbox: oldest first; identity: the person of the token, if the page identified them, with the details that the server knows;
 *   seenId: the newest message that a tab has shown; rungId: the newest message that a tab has rung for
 * @typedef {{id: string, name?: string, email?: string, phone?: string, isClaimed?: boolean}} Owner
 *   isClaimed: the server does not know the identity yet
 * @typedef {ReturnType<typeof createStore>} Store
 */

/** @param {string} widgetId @param {() => void} onChange called when another tab has changed the data */
export function createStore(widgetId, onChange) {
  const prefix = `praxtalk:${widgetId}:`;
  /** Values by name, outbox entries by clientId. @type {Record<string, any>} */
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
   * @param {Partial<Omit<Memory, "outbox">> | Record<string, Entry | undefined>} patch values by name, entries by clientId;
   *   undefined removes
   * @param {boolean} [isSent] the visitor has sent something, so the data is stored from now on
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

  /**
   * Delete the data.
   * @param {boolean} [isAll] also delete the unsent entries of identified people, which are otherwise kept until those people are
   *   identified again
   */
  const clear = (isAll) => {
    load();
    drop(Object.keys(values).filter((name) => isAll || !values[name]?.ownerId));
  };

  addEventListener("storage", onChange);
  return { read, write, drop, clear, isDenied: () => isDenied };
}
