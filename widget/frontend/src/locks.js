/** How long work waits for another tab, in milliseconds. */
const PATIENCE = 30_000;

/**
 * Runs work while no other tab does, by a Web Lock.
 *
 * Where there is none, work runs one piece after the other in this tab: pages without https, sandboxed frames and browsers
 * that deny storage have no locks. So does work that has waited for PATIENCE. Tabs may then send the same message twice; the
 * server recognises its clientId.
 *
 * @param {string} name
 */
export function createLock(name) {
  /** @type {Promise<any>} */
  let last = Promise.resolve();

  /** @param {() => Promise<boolean>} work @returns {Promise<boolean>} rejects when the page is left */
  return async (work) => {
    const left = new AbortController();
    const leave = () => left.abort();
    /** @type {Promise<never>} */
    const gone = new Promise((_, reject) => {
      left.signal.onabort = reject;
    });
    gone.catch(() => {}); // nobody else may be waiting for it
    let isBegun = false;
    let isLeft = false;
    const pagehide = () => {
      isLeft = true;
      leave();
    };
    addEventListener("pagehide", pagehide); // a page that waits for a lock or holds one stays out of the back/forward cache
    const timer = setTimeout(leave, PATIENCE);
    try {
      return await navigator.locks.request(name, { signal: left.signal }, () => {
        isBegun = true;
        clearTimeout(timer);
        return Promise.race([work(), gone]);
      });
    } catch (error) {
      if (isBegun || isLeft) throw error;
    } finally {
      clearTimeout(timer);
      removeEventListener("pagehide", pagehide);
    }
    last = last.then(work, work);
    return last;
  };
}
