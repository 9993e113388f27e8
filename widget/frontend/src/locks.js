/**
 * Runs work while no other tab does, by a Web Lock.
 *
 * Where there is none, work runs one piece after the other in this tab: pages without https, sandboxed frames and browsers
 * that deny storage have no locks. Tabs may then send the same message twice; the server recognises its clientId.
 *
 * @param {string} name
 */
export function createLock(name) {
  /** @type {Promise<any>} */
  let last = Promise.resolve();

  /** @param {() => Promise<boolean>} work @returns {Promise<boolean>} rejects when the page is left */
  return async (work) => {
    const left = new AbortController();
    const { signal } = left;
    /** @type {Promise<never>} */
    const gone = new Promise((_, reject) => {
      signal.onabort = reject;
    });
    gone.catch(() => {}); // nobody else may be waiting for it
    let isBegun = false;
    const leave = () => left.abort();
    addEventListener("pagehide", leave); // a page that waits for a lock or holds one stays out of the back/forward cache
    try {
      return await navigator.locks.request(name, { signal }, () => {
        isBegun = true;
        return Promise.race([work(), gone]);
      });
    } catch (error) {
      if (isBegun || signal.aborted) throw error;
    } finally {
      removeEventListener("pagehide", leave);
    }
    last = last.then(work, work);
    return last;
  };
}
